//! Every resource there is, in one list: what is served is what the API document shows.

pub(crate) mod analytics;
mod console;
mod dead_letters;
mod docs;
mod events;
mod files;
mod graphql;
pub(crate) mod jobs;
mod lines;
mod logs;
mod notifications;
mod parameters;
mod problems;
mod rules;
mod service;
mod streams;
mod system;
mod tickets;
pub(crate) mod watch_time;

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use domain::time::Timestamp;
use utoipa::openapi::PathItem;
use utoipa::openapi::path::Paths;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::ValidationError;

use crate::problem::{Code, Problem};

pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(events::post_events)
        .service(events::post_event)
        .service(events::post_to_root)
        .service(events::post_analytics_event)
        .service(events::list)
        .service(events::show)
        .service(watch_time::top_movies)
        .service(watch_time::of_movie)
        .service(watch_time::retention)
        .service(watch_time::top_users)
        .service(watch_time::of_user)
        .service(watch_time::of_user_by_movie)
        .service(watch_time::of_pair)
        .service(streams::start)
        .service(streams::list)
        .service(streams::start_or_renew)
        .service(streams::end)
        .service(streams::set_limit)
        .service(streams::drop_limit)
        .service(analytics::event_counts)
        .service(analytics::event_counts_by_type)
        .service(analytics::time_series)
        .service(analytics::top_values)
        .service(graphql::ask)
        .service(graphql::show)
        .service(dead_letters::list)
        .service(dead_letters::show)
        .service(dead_letters::replay)
        .service(dead_letters::discard)
        .service(files::upload_file)
        .service(jobs::list)
        .service(jobs::show)
        .service(jobs::cancel)
        .service(jobs::retry)
        .service(lines::rejects)
        .service(lines::entries)
        .service(logs::search_logs)
        .service(jobs::watch)
        .service(notifications::receive)
        .service(notifications::list_received)
        .service(notifications::list)
        .service(notifications::show)
        .service(notifications::resend)
        .service(rules::list)
        .service(rules::try_out)
        .service(tickets::give)
        .service(problems::list)
        .service(problems::show);
    configure_service(config);
    config
        .service(service::index)
        .service(docs::document)
        .service(system::show)
        .service(system::follow);
}

/// What a process without a door serves too.
pub(crate) fn configure_service(config: &mut ServiceConfig<'_>) {
    config
        .service(service::livez)
        .service(service::readyz)
        .service(service::metrics);
}

/// Pages for people; they are no part of the API.
pub(crate) fn configure_pages(config: &mut web::ServiceConfig) {
    config
        .service(docs::ui_root)
        .service(docs::ui)
        .service(console::asset)
        .service(console::demo_root)
        .service(console::demo);
}

/// Where pages for people are.
pub(crate) const PAGES: [&str; 5] = [
    "/docs",
    "/docs/{file:.*}",
    "/console/{build}/{file:.*}",
    "/demo",
    "/demo/{file:.*}",
];

/// Each path, and the methods that are allowed there: all that servers need of the document, which is large.
#[derive(Clone, Debug)]
pub(crate) struct Methods(Arc<[(String, HeaderValue)]>);

impl Methods {
    pub(crate) fn of(paths: &Paths) -> Self {
        let of_path = |(path, item): (&String, &PathItem)| {
            let allowed = HeaderValue::from_str(&allowed_methods(item)).ok()?;
            Some((path.clone(), allowed))
        };
        Self(paths.paths.iter().filter_map(of_path).collect())
    }
}

/// Resources answer methods they do not have with 405 and those they have.
pub(crate) fn refuse_other_methods(config: &mut web::ServiceConfig, methods: &Methods) {
    for (path, allowed) in methods.0.iter() {
        let allowed = allowed.clone();
        let refuse = move || std::future::ready(method_not_allowed(allowed.clone()));
        config.service(web::resource(path.as_str()).to(refuse));
    }
    for page in PAGES {
        let refuse = || std::future::ready(method_not_allowed(HeaderValue::from_static("GET, HEAD")));
        config.service(web::resource(page).to(refuse));
    }
}

fn method_not_allowed(allowed: HeaderValue) -> HttpResponse {
    Problem::of(Code::MethodNotAllowed)
        .with_header(header::ALLOW, allowed)
        .into_response()
}

/// A stretch of time is given by its ends, either of which may be open.
fn in_order(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(), ValidationError> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => {
            Err(ValidationError::new("end").with_message("must not be before `start`".into()))
        }
        _ => Ok(()),
    }
}

fn allowed_methods(item: &PathItem) -> String {
    let methods = [
        ("GET, HEAD", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    let allowed: Vec<_> = methods
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(method, _)| method)
        .collect();
    allowed.join(", ")
}

pub(crate) async fn unknown_path() -> HttpResponse {
    std::future::ready(Problem::of(Code::UnknownPath).into_response()).await
}
