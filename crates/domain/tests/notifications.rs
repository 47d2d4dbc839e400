//! The words for what becomes of a message.

#![allow(clippy::unwrap_used)]

use domain::notification::{NotificationState, Suppression};

#[test]
fn states_and_reasons_are_the_same_word_in_text_and_in_json() {
    for state in NotificationState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        assert_eq!(
            serde_json::from_str::<NotificationState>(&format!("\"{state}\"")).unwrap(),
            state
        );
    }
    for reason in Suppression::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
    }
}

#[test]
fn a_word_that_is_none_hears_which_there_are() {
    let error = "Held".parse::<NotificationState>().unwrap_err().to_string();
    for state in NotificationState::ALL {
        assert!(error.contains(state.as_str()));
    }
    let error = "".parse::<Suppression>().unwrap_err().to_string();
    for reason in Suppression::ALL {
        assert!(error.contains(reason.as_str()));
    }
}

#[test]
fn what_was_sent_or_not_sent_may_be_sent_again_and_what_is_on_its_way_may_not() {
    let can: Vec<_> = NotificationState::ALL
        .into_iter()
        .filter(|state| state.can_resend())
        .collect();
    assert_eq!(
        can,
        [
            NotificationState::Delivered,
            NotificationState::Failed,
            NotificationState::Suppressed
        ]
    );
}
