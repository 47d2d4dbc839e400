//! The news of slots: taken out of their outbox, and applied.

use std::sync::{Arc, Mutex, PoisonError};

use domain::event::Event;
use domain::ids::EventId;
use records::{Class, Error, Origin, Result, Unit};
use tokio_util::sync::CancellationToken;

use crate::apply::{Applied, apply};
use crate::consume::letters;
use crate::{Worker, now};

/// So many news are applied in one transaction.
const BATCH: u32 = 500;

/// The first of the news that were taken last.
type First = Arc<Mutex<Option<EventId>>>;

pub(super) struct Teller {
    worker: Arc<Worker>,
}

impl Teller {
    pub(super) const fn new(worker: Arc<Worker>) -> Self {
        Self { worker }
    }

    /// Tells until there is nothing that nobody else tells: many at once, and one by one where that does not work. What
    /// cannot be applied alone becomes a dead letter, so that it keeps nothing back.
    pub(super) async fn tell_all(&self, stop: &CancellationToken) -> Result<()> {
        let mut batch = BATCH;
        while !stop.is_cancelled() {
            let first = First::default();
            match self.tell(batch, &first).await {
                Ok(None) => return Ok(()),
                Ok(Some(applied)) => note(applied),
                Err(error) if error.is_passing() => return Err(error),
                Err(_) if batch > 1 => batch = 1,
                Err(error) => {
                    self.bury(&first, &error).await?;
                    batch = BATCH;
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, batch: u32, first: &First) -> Result<Option<Applied>> {
        let (effects, first) = (self.worker.settings.effects.clone(), Arc::clone(first));
        self.within(move |unit| {
            let events = unit.take_news(batch)?;
            *first.lock().unwrap_or_else(PoisonError::into_inner) = events.first().map(|event| event.event_id);
            if events.is_empty() {
                return Ok(None);
            }
            apply(unit, &effects, &sorted(events), Origin::DOOR).map(Some)
        })
        .await
    }

    /// Another worker may have taken the refused one meanwhile; then whatever comes in its place waits for the next time.
    async fn bury(&self, refused: &First, reason: &Error) -> Result<()> {
        let (refused, reason) = (Arc::clone(refused), reason.to_string());
        let letter = self
            .within(move |unit| {
                let refused = *refused.lock().unwrap_or_else(PoisonError::into_inner);
                let next = unit.take_news(1)?.pop();
                let Some(event) = next.filter(|event| Some(event.event_id) == refused) else {
                    return Err(Error::Contended("other news came first".to_owned()));
                };
                let letter = letters::of_event(&event, &reason, now());
                let letter = letter.map_err(|error| Error::Broken(error.to_string()))?;
                unit.bury(&letter)?;
                Ok(letter)
            })
            .await?;
        letters::log(&letter);
        Ok(())
    }

    async fn within<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let deadline = self.worker.settings.apply_deadline;
        self.worker.records.within(Class::Apply, deadline, work).await
    }
}

/// Distinct, as the same news are the same event.
fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.event_id);
    events.dedup_by_key(|event| event.event_id);
    events
}

fn note(applied: Applied) {
    metrics::counter!("eh_streams_news_total").increment(applied.new);
}
