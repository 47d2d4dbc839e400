//! Where players ask. Those who ask at the same time are decided about together: one transaction, one flush of the disk.
//!
//! Whoever finds nobody before him is served at once; while units are under way, others gather for the next one. About one
//! user only one unit decides at a time, so a user of whom much is asked keeps nobody waiting but herself.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::UserId;
use records::{Class, Error, Records, Unit};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::Terms;
use super::decide::{self, Asked, Decided, Wanted};
use crate::problem::{Code, Problem};
use crate::tasks::Tasks;

/// A player that hears nothing for longer has given up.
pub(super) const DECISION_DEADLINE: Duration = Duration::from_secs(2);
/// So many units for all comers are under way at once.
const UNITS_MAX: usize = 2;
/// And so many for users whose slots another door holds: they wait for it, each on a connection.
const UNITS_ALONE_MAX: usize = 4;
/// So many players are decided about in one unit.
const TOGETHER_MAX: usize = 128;
/// So many wait. Who comes then would hear nothing in time.
const WAITING_MAX: usize = 8_192;

type Outcome = Result<Decided, Error>;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk {
    records: Records,
    tasks: Tasks,
    terms: Terms,
    gathering: Arc<Mutex<Gathering>>,
    alone: Arc<Semaphore>,
}

#[derive(Default)]
struct Gathering {
    units: usize,
    waiting: VecDeque<Ask>,
    /// About whom somebody is deciding. What is asked of them meanwhile waits.
    in_hand: HashSet<UserId>,
}

struct Ask {
    user: UserId,
    asked: Asked,
    answer: oneshot::Sender<Outcome>,
}

impl Desk {
    pub(crate) fn new(records: Records, tasks: Tasks, terms: Terms) -> Self {
        Self {
            records,
            tasks,
            terms,
            gathering: Arc::default(),
            alone: Arc::new(Semaphore::new(UNITS_ALONE_MAX)),
        }
    }

    pub(super) const fn terms(&self) -> Terms {
        self.terms
    }

    /// Gives up at the deadline, and so does whoever was to decide.
    pub(super) async fn ask(&self, user: UserId, wanted: Wanted, deadline: Duration) -> Result<Decided, Problem> {
        let until = Instant::now() + deadline;
        let (answer, answered) = oneshot::channel();
        let asked = Asked { wanted, until };
        self.join(Ask { user, asked, answer })?;
        match timeout_at(until, answered).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            _ => Err(too_late().into()),
        }
    }

    fn join(&self, ask: Ask) -> Result<(), Problem> {
        let mut gathering = self.gathering();
        if gathering.waiting.len() >= WAITING_MAX {
            return Err(Problem::of(Code::TooBusy));
        }
        gathering.waiting.push_back(ask);
        self.begin(&mut gathering);
        Ok(())
    }

    fn begin(&self, gathering: &mut Gathering) {
        if gathering.units < UNITS_MAX && !gathering.waiting.is_empty() {
            gathering.units += 1;
            self.tasks.spawn(self.clone().serve());
        }
    }

    async fn serve(self) {
        while let Some(asks) = self.next() {
            metrics::counter!("eh_streams_units_total").increment(1);
            self.decide(asks).await;
        }
    }

    /// Those who are served now. With none, one unit less is under way.
    fn next(&self) -> Option<Vec<Ask>> {
        let mut gathering = self.gathering();
        let taken = gathering.take();
        if taken.is_empty() {
            gathering.units -= 1;
            return None;
        }
        Some(taken)
    }

    async fn decide(&self, asks: Vec<Ask>) {
        let terms = self.terms;
        let asked: Vec<_> = asks.iter().map(|ask| (ask.user.clone(), ask.asked.clone())).collect();
        let work = move |unit: &mut dyn Unit| decide::together(unit, &asked, terms);
        let mut users: HashSet<UserId> = asks.iter().map(|ask| ask.user.clone()).collect();
        let left_out = match self.records.within(Class::Slots, DECISION_DEADLINE, work).await {
            Ok(decided) => undecided(asks, decided),
            // One of them is to blame, and only that one may suffer.
            Err(Error::Broken(_)) => asks,
            Err(error) => {
                asks.into_iter().for_each(|ask| ask.answer(Err(error.clone())));
                Vec::new()
            }
        };
        let mut alone: BTreeMap<UserId, Vec<Ask>> = BTreeMap::new();
        for ask in left_out {
            users.remove(&ask.user);
            alone.entry(ask.user.clone()).or_default().push(ask);
        }
        self.let_go(users);
        for (user, asks) in alone {
            self.tasks.spawn(self.clone().decide_alone(user, asks));
        }
    }

    /// All that is asked of one user, while she is in hand.
    async fn decide_alone(self, user: UserId, mut asks: Vec<Ask>) {
        let place = self.alone.acquire().await;
        asks.retain(|ask| !ask.answer.is_closed());
        if !asks.is_empty() {
            let (terms, of, asked) = (
                self.terms,
                user.clone(),
                asks.iter().map(|ask| ask.asked.clone()).collect::<Vec<_>>(),
            );
            let work = move |unit: &mut dyn Unit| decide::alone(unit, &of, &asked, terms);
            match self.records.within(Class::Slots, DECISION_DEADLINE, work).await {
                Ok(decided) => {
                    for ask in undecided(asks, decided) {
                        ask.answer(Err(too_late()));
                    }
                }
                Err(error) => asks.into_iter().for_each(|ask| ask.answer(Err(error.clone()))),
            }
        }
        drop(place);
        self.let_go([user]);
    }

    fn let_go(&self, users: impl IntoIterator<Item = UserId>) {
        let mut gathering = self.gathering();
        for user in users {
            gathering.in_hand.remove(&user);
        }
        self.begin(&mut gathering);
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        // Nothing that holds this lock can leave it half changed.
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathering {
    /// The first of those who still wait, and of whose users nobody has one in hand; from now on they are.
    fn take(&mut self) -> Vec<Ask> {
        let mut taken = Vec::new();
        for ask in std::mem::take(&mut self.waiting) {
            if ask.answer.is_closed() {
                continue;
            }
            if taken.len() < TOGETHER_MAX && !self.in_hand.contains(&ask.user) {
                taken.push(ask);
            } else {
                self.waiting.push_back(ask);
            }
        }
        self.in_hand.extend(taken.iter().map(|ask| ask.user.clone()));
        taken
    }
}

impl Ask {
    /// Whoever asked may have gone.
    fn answer(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

/// Answers those that were decided about; the others are left.
fn undecided(asks: Vec<Ask>, decided: Vec<Option<Decided>>) -> Vec<Ask> {
    let mut left = Vec::new();
    for (ask, decided) in asks.into_iter().zip(decided) {
        match decided {
            Some(decided) => ask.answer(Ok(decided)),
            None => left.push(ask),
        }
    }
    left
}

fn too_late() -> Error {
    Error::Unavailable("nobody could decide in time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answered = oneshot::Receiver<Outcome>;

    fn ask(user: &str) -> (Ask, Answered) {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            wanted: Wanted::Renew("tv".parse().unwrap()),
            until: Instant::now() + DECISION_DEADLINE,
        };
        let user = user.parse().unwrap();
        (Ask { user, asked, answer }, answered)
    }

    fn users(asks: &[Ask]) -> Vec<&str> {
        asks.iter().map(|ask| ask.user.as_str()).collect()
    }

    #[test]
    fn what_is_asked_of_a_user_in_hand_waits_and_keeps_nobody_waiting() {
        let mut gathering = Gathering::default();
        let (asks, _waiting): (Vec<_>, Vec<_>) = ["ada", "bob", "ada"].map(ask).into_iter().unzip();
        gathering.waiting.extend(asks);
        assert_eq!(users(&gathering.take()), ["ada", "bob", "ada"]);

        let (asks, _waiting): (Vec<_>, Vec<_>) = ["ada", "eve", "bob"].map(ask).into_iter().unzip();
        gathering.waiting.extend(asks);
        assert_eq!(users(&gathering.take()), ["eve"]);
        assert_eq!(users(&gathering.take()), [""; 0]);

        gathering.in_hand.remove(&"bob".parse().unwrap());
        assert_eq!(users(&gathering.take()), ["bob"]);
    }

    #[test]
    fn so_many_are_taken_and_the_rest_stay_in_their_order() {
        let mut gathering = Gathering::default();
        let names: Vec<String> = (0..=TOGETHER_MAX).map(|n| format!("u-{n}")).collect();
        let (asks, _waiting): (Vec<_>, Vec<_>) = names.iter().map(|name| ask(name)).unzip();
        gathering.waiting.extend(asks);
        assert_eq!(users(&gathering.take()), names[..TOGETHER_MAX]);
        assert_eq!(users(&gathering.take()), names[TOGETHER_MAX..]);
    }

    #[test]
    fn who_has_given_up_is_left_out() {
        let mut gathering = Gathering::default();
        let (gone, _) = ask("ada");
        let (stays, _waiting) = ask("bob");
        gathering.waiting.extend([gone, stays]);
        assert_eq!(users(&gathering.take()), ["bob"]);
        assert!(gathering.waiting.is_empty());
    }
}
