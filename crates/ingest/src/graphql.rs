//! What can be asked in GraphQL: the same readings as of the other resources, several of them in one request.
//!
//! What a query may cost is known before any of it runs.

mod bounds;
mod failure;
mod query;
mod scalars;
mod shapes;
mod watch_time;

use async_graphql::{EmptyMutation, EmptySubscription, Request, Response, ServerError, Value, Variables};

use crate::problem::Code;
use crate::state::Shared;

use query::Root;

/// What the readings of one request may cost together; see `query` for what each does.
const COST_MAX: usize = 300;
const CODE: &str = "code";

/// A query as a client sends it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) query: String,
    pub(crate) variables: Variables,
    pub(crate) operation_name: Option<String>,
}

/// Everything that can be asked.
#[derive(Clone)]
pub(crate) struct Schema {
    schema: async_graphql::Schema<Root, EmptyMutation, EmptySubscription>,
}

impl Schema {
    pub(crate) fn new() -> Self {
        let schema = async_graphql::Schema::build(Root, EmptyMutation, EmptySubscription);
        Self {
            schema: schema.limit_complexity(COST_MAX).finish(),
        }
    }

    /// As text, in the language of schemas.
    pub(crate) fn text(&self) -> String {
        self.schema.sdl()
    }

    pub(crate) async fn answer(&self, asked: Asked, state: Shared) -> Response {
        let document = match bounds::admit(&asked.query) {
            Ok(document) => document,
            Err(refusal) => return refused(refusal.into_error()),
        };
        let mut request = Request::new(asked.query).variables(asked.variables).data(state);
        request.operation_name = asked.operation_name;
        request.set_parsed_query(document);
        let mut response = self.schema.execute(request).await;
        response.errors.iter_mut().for_each(name_the_code);
        response
    }
}

fn refused(mut error: ServerError) -> Response {
    name_the_code(&mut error);
    Response::from_errors(vec![error])
}

/// What no reading of ours refused, the query itself is to blame for.
fn name_the_code(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get(CODE).is_none() {
        extensions.set(CODE, Value::from(Code::InvalidQuery.about().code));
    }
}
