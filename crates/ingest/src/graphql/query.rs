//! Where every query begins. Each field hands its arguments to the reading of the resource of the same name: what they
//! may be, and what comes back, is said there.

use std::str::FromStr;

use async_graphql::{Context, ID, Object};
use domain::ids::{InvalidId, Slug, UserId};
use domain::watch_time::Pair;
use records::Counts;

use super::shapes::{EventCounts, EventTypeCount, Job, JobPage};
use super::watch_time::WatchTime;
use crate::page::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::problem::{Code, FieldError, Problem};
use crate::query::Query;
use crate::routes::{analytics, jobs, watch_time};
use crate::state::{JobPath, Shared};

/// What one reading costs, whatever it finds.
const READING_COST: usize = 10;
/// So many jobs of a page cost as much as a field.
const JOBS_PER_COST: u32 = 10;

/// A field that fails is null and leaves the others as they are: so the library has it if what is found may fail, and not
/// if the finding may.
type Found<T> = Option<Result<T, Problem>>;

/// What can be read.
#[derive(Debug)]
pub(crate) struct Root;

#[Object(name = "Query")]
impl Root {
    /// One job; null if there is no such job.
    #[graphql(complexity = "READING_COST + child_complexity")]
    async fn job(&self, context: &Context<'_>, job_id: ID) -> Found<Job> {
        find_job(context, &job_id).await.transpose()
    }

    /// Jobs, newest first, in pages.
    #[graphql(complexity = "page_cost(first) + child_complexity")]
    async fn jobs(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those: `queued`, `processing`, `completed`, `failed` or `cancelled`.")] status: Option<
            String,
        >,
        #[graphql(desc = "How many at most, 1 to 1000; without it 50.")] first: Option<i32>,
        #[graphql(desc = "The `nextCursor` of the page before.")] after: Option<String>,
    ) -> Found<JobPage> {
        let limit = first.map(|first| first.to_string());
        let query = Query::of_values([("status", status), ("limit", limit), ("cursor", after)]);
        Some(find_jobs(context, query).await)
    }

    /// How many events happened.
    #[graphql(complexity = "READING_COST + child_complexity")]
    async fn event_counts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this type: a built-in one or one that has been seen.")] event_type: Option<
            String,
        >,
        #[graphql(desc = "From here on: a date, from its first moment, or a time.")] start_date: Option<String>,
        #[graphql(desc = "Until here: a date, with all of its day, or a time, which itself is not in the range.")]
        end_date: Option<String>,
        #[graphql(desc = "The zone of dates and of times without an offset; without it UTC.")] tz: Option<String>,
    ) -> Found<EventCounts> {
        let query = count_query(event_type, start_date, end_date, tz);
        Some(count(context, query).await.map(EventCounts::from))
    }

    /// How many events happened, by type; types without events are absent.
    #[graphql(complexity = "READING_COST + child_complexity")]
    async fn event_counts_by_type(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this type: a built-in one or one that has been seen.")] event_type: Option<
            String,
        >,
        #[graphql(desc = "From here on: a date, from its first moment, or a time.")] start_date: Option<String>,
        #[graphql(desc = "Until here: a date, with all of its day, or a time, which itself is not in the range.")]
        end_date: Option<String>,
        #[graphql(desc = "The zone of dates and of times without an offset; without it UTC.")] tz: Option<String>,
    ) -> Found<Vec<EventTypeCount>> {
        let query = count_query(event_type, start_date, end_date, tz);
        Some(count(context, query).await.map(EventTypeCount::all))
    }

    /// How long a user watched, how long a movie was watched, or both: null if no heartbeat has come.
    #[graphql(complexity = "READING_COST + child_complexity")]
    async fn watch_time(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who watched; without it all who did.")] user: Option<ID>,
        #[graphql(desc = "The movie; without it all of the user.")] slug: Option<ID>,
    ) -> Found<WatchTime> {
        find_watch_time(context, user, slug).await.transpose()
    }
}

async fn find_job(context: &Context<'_>, job_id: &str) -> Result<Option<Job>, Problem> {
    let JobPath(id) = JobPath::parse(job_id)?;
    let job = jobs::find(state(context)?, id).await?;
    Ok(job.map(Job::from))
}

async fn find_jobs(context: &Context<'_>, query: Query) -> Result<JobPage, Problem> {
    Ok(jobs::page(state(context)?, query).await?.into())
}

async fn count(context: &Context<'_>, query: Query) -> Result<Counts, Problem> {
    analytics::counts(state(context)?, query).await
}

async fn find_watch_time(
    context: &Context<'_>,
    user: Option<ID>,
    slug: Option<ID>,
) -> Result<Option<WatchTime>, Problem> {
    let user = user.map(|user| name::<UserId>("user", &user)).transpose()?;
    let slug = slug.map(|slug| name::<Slug>("slug", &slug)).transpose()?;
    let state = state(context)?;
    Ok(match (user, slug) {
        (Some(user_id), Some(slug)) => {
            let watched = watch_time::find_pair(state, Pair { user_id, slug }).await?;
            watched.map(WatchTime::from)
        }
        (Some(user), None) => watch_time::find_user(state, user).await?.map(WatchTime::from),
        (None, Some(slug)) => watch_time::find_movie(state, slug).await?.map(WatchTime::from),
        (None, None) => return Err(nobody_named()),
    })
}

/// The state that `super::Schema::answer` gave along.
fn state<'c>(context: &Context<'c>) -> Result<&'c Shared, Problem> {
    let state = context.data_opt::<Shared>();
    state.ok_or_else(|| Problem::internal("a query without the state"))
}

fn page_cost(first: Option<i32>) -> usize {
    let rows = first.map_or(LIMIT_DEFAULT, |first| u32::try_from(first).unwrap_or_default());
    // What is over the limit is refused, at no cost.
    let rows_cost = rows.min(LIMIT_MAX) / JOBS_PER_COST;
    READING_COST + usize::try_from(rows_cost).unwrap_or(usize::MAX - READING_COST)
}

fn count_query(
    event_type: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    tz: Option<String>,
) -> Query {
    Query::of_values([
        ("event_type", event_type),
        ("start_date", start_date),
        ("end_date", end_date),
        ("tz", tz),
    ])
}

fn name<T: FromStr<Err = InvalidId>>(argument: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|invalid: InvalidId| {
        let error = FieldError::new(argument, "malformed", invalid.to_string());
        Problem::of(Code::InvalidId).with_errors(vec![error])
    })
}

fn nobody_named() -> Problem {
    let error = FieldError::new("user", "missing", "or `slug` is required");
    Problem::of(Code::InvalidParameter).with_errors(vec![error])
}
