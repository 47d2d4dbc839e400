//! Problems as GraphQL tells them: a sentence about the arguments as they are called here, and the code.

use async_graphql::{Error, ErrorExtensions};

use super::CODE;
use crate::problem::Problem;

/// How the parameters of the other resources are called as arguments.
const ARGUMENTS: [(&str, &str); 6] = [
    ("event_type", "eventType"),
    ("start_date", "startDate"),
    ("end_date", "endDate"),
    ("next_cursor", "nextCursor"),
    ("limit", "first"),
    ("cursor", "after"),
];

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let code = problem.code().about().code;
        if let Some(cause) = problem.cause() {
            tracing::error!(problem.code = code, error = cause, "graphql.field_failed");
        }
        Self::new(sentence(&problem)).extend_with(|_, extensions| extensions.set(CODE, code))
    }
}

fn sentence(problem: &Problem) -> String {
    let told = problem.errors().iter().map(|error| {
        let message = ARGUMENTS
            .iter()
            .filter(|(parameter, _)| parameter.contains('_'))
            .fold(error.message.to_string(), |text, (parameter, argument)| {
                text.replace(parameter, argument)
            });
        format!("`{}` {message}", argument(&error.field))
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() {
        return problem.detail().to_owned();
    }
    told.join("; ")
}

fn argument(parameter: &str) -> &str {
    let known = ARGUMENTS.iter().find(|(known, _)| *known == parameter);
    known.map_or(parameter, |(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Code, FieldError};

    #[test]
    fn arguments_have_the_names_of_this_place() {
        let errors = vec![
            FieldError::new("end_date", "malformed", "must not be before `start_date`"),
            FieldError::new("limit", "malformed", "must be a number from 1 to 1000"),
        ];
        let problem = Problem::new(Code::InvalidParameter, "the query parameter").with_errors(errors);
        assert_eq!(
            Error::from(problem).message,
            "`endDate` must not be before `startDate`; `first` must be a number from 1 to 1000"
        );
    }

    #[test]
    fn what_the_store_says_is_for_the_log() {
        let error = Error::from(Problem::from(records::Error::Broken("no such table: jobs".to_owned())));
        assert!(!error.message.contains("table"), "{}", error.message);
        let code = error.extensions.unwrap().get(CODE).cloned();
        assert_eq!(code, Some("internal".into()));
    }
}
