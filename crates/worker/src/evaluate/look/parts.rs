//! What is judged, part by part: what lies together is read once, and never more than can be held.

use domain::rules::{Happened, Judgement, Stretch};
use records::Result;

use super::super::stretches::{beyond, halves};
use super::{Looking, is_pending};

/// A stretch that is looked at, and what was judged of it.
pub(super) struct Part {
    pub(super) stretch: Stretch,
    pub(super) judgements: Vec<Judgement>,
}

impl Part {
    fn is_pending(&self) -> bool {
        self.judgements.iter().any(is_pending)
    }
}

impl Looking<'_> {
    /// Judges the stretches, and says what was seen for it. What is pending may have been set off by an event far behind it,
    /// which is looked for, the nearest first, as long as something is pending: once for all of them.
    pub(super) fn judge_to_the_end(&mut self, stretches: Vec<Stretch>) -> Result<(Vec<Part>, Vec<Happened>)> {
        let (mut parts, mut seen) = (Vec::with_capacity(stretches.len()), Vec::new());
        for stretch in stretches {
            self.judge_in_parts(stretch, &mut parts, &mut seen)?;
        }
        let Some(first) = parts.iter().position(Part::is_pending) else {
            return Ok((parts, seen));
        };
        let pending = &mut parts[first..];
        let evidence = self.rule.evidence_for(&pending[0].stretch);
        let mut steps: Vec<Stretch> = beyond(&evidence, self.look.clock.now).collect();
        steps.reverse();
        while let Some(step) = steps.pop().filter(|_| pending.iter().any(Part::is_pending)) {
            let Some(further) = self.happened(&step)? else {
                // What lies behind it is left to the wall clock where not even the nearest of it can be looked at.
                let Some([near, far]) = self.halves(&step) else { break };
                steps.extend([far, near]);
                continue;
            };
            if !further.is_empty() {
                seen.extend(further);
                self.judge_again(pending, &seen);
            }
        }
        Ok((parts, seen))
    }

    /// A long stretch with many events around it is judged in parts, which comes to the same.
    fn judge_in_parts(&mut self, stretch: Stretch, parts: &mut Vec<Part>, seen: &mut Vec<Happened>) -> Result<()> {
        let mut left = vec![stretch];
        while let Some(stretch) = left.pop() {
            let mut judgements = Vec::new();
            match self.happened(&self.rule.evidence_for(&stretch))? {
                Some(events) => {
                    judgements = self.judge(&stretch, &events);
                    if self.rule.waits_for_time() {
                        seen.extend(events);
                    }
                }
                None => match self.halves(&stretch) {
                    Some([near, far]) => {
                        left.extend([far, near]);
                        continue;
                    }
                    None => tracing::warn!(rule = self.about.rule, user.id = %self.about.user_id, "evidence.too_much"),
                },
            }
            parts.push(Part { stretch, judgements });
        }
        Ok(())
    }

    /// Of what is longer than the window of the rule: halves of less have almost the same events around them.
    fn halves(&self, stretch: &Stretch) -> Option<[Stretch; 2]> {
        let start = *stretch.start();
        halves(stretch, &self.rule.evidence_for(&(start..=start)))
    }

    /// All in one go, for each look at the events costs as much as there are. What lies between the parts is left out.
    fn judge_again(&self, parts: &mut [Part], seen: &[Happened]) {
        let [first, ..] = parts else { return };
        let start = *first.stretch.start();
        let end = parts.iter().map(|part| *part.stretch.end()).max().unwrap_or(start);
        let mut judgements = self.judge(&(start..=end), seen);
        for part in parts {
            let lies_within = |judgement: &mut Judgement| part.stretch.contains(&judgement.cause_at);
            part.judgements = judgements.extract_if(.., lies_within).collect();
        }
    }
}
