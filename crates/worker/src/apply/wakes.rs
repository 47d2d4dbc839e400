//! Wakes: who is to be looked at by which rule.
//!
//! Nothing is evaluated here, and nobody is locked: whoever applies events only says that somebody should look. So
//! appliers never wait for each other because of a user that they have in common.

use domain::event::Event;
use domain::rules::Rule;
use records::{Origin, Result, Unit, WaitsFor, Wake};

use crate::Effects;

/// Whether there is anything to look at. Where no rule names a type, which is the usual case, nothing is asked or kept.
pub(super) fn insert(
    unit: &mut dyn Unit,
    effects: &Effects,
    new: &[&Event],
    known: &[&Event],
    origin: Origin,
) -> Result<bool> {
    let came_alive = if origin.live {
        make_live(unit, effects, known)?
    } else {
        Vec::new()
    };
    let mut wakes: Vec<Wake> = new
        .iter()
        .chain(&came_alive)
        .flat_map(|event| effects.rules.naming(&event.event_type).map(|rule| wake(rule, event)))
        .collect();
    if wakes.is_empty() {
        return Ok(false);
    }
    wakes.sort_unstable_by(|a, b| (&a.rule, a.cause).cmp(&(&b.rule, b.cause)));
    unit.insert_wakes(&wakes)?;
    Ok(true)
}

/// Those that were known from a file only, and of which somebody may be told from now on.
fn make_live<'a>(unit: &mut dyn Unit, effects: &Effects, known: &[&'a Event]) -> Result<Vec<&'a Event>> {
    let mut named = known.to_vec();
    named.retain(|event| effects.rules.naming(&event.event_type).next().is_some());
    if named.is_empty() {
        return Ok(named);
    }
    let mut came_alive = unit.make_live(&named)?.into_iter();
    named.retain(|_| came_alive.next().unwrap_or_default());
    Ok(named)
}

fn wake(rule: &Rule, event: &Event) -> Wake {
    Wake {
        rule: rule.name().to_owned(),
        cause: event.event_id,
        user_id: event.user_id.clone(),
        cause_at: event.timestamp.min(event.received_at),
        due_at: event.received_at,
        waits_for: WaitsFor::Nothing,
    }
}
