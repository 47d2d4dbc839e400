//! Watch time: of a movie, of a user, of both; where a user left a movie; who saw which part of it.

use actix_web::{HttpRequest, HttpResponse, get};
use domain::ids::{Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Pair, Resolution, WatchState};
use records::{MovieTotals, Unit, UserTotals};

use super::parameters::{LeaderboardParams, RetentionParams, WatchPageParams};
use crate::cursor::Cursor;
use crate::page::{Page, PageRequest};
use crate::path::{SlugPath, UserPath};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::state::{Shared, State};
use crate::views::{MovieView, RetentionView, UserView, WatchView};

const BUCKETS_DEFAULT: u32 = 100;
const BUCKETS_MAX: u32 = 1_000;

/// How long a movie was watched, by all.
#[utoipa::path(
    tag = "watch time",
    operation_id = "getMovieWatchTime",
    security(("key" = ["read"])),
    params(("slug" = String, Path, description = "The movie.")),
    responses(
        (status = 200, description = "One heartbeat is enough to be known.", body = MovieView, example = json!({
            "slug": "big-buck-bunny", "watch_time_seconds": 5400.5, "viewers": 3, "heartbeats": 540,
            "updated_at": "2026-05-28T10:00:00.123456Z"
        })),
        (status = 404, description = "No heartbeat of it has come."),
    )
)]
#[get("/v1/movies/{slug}/watch-time")]
pub(crate) async fn of_movie(request: HttpRequest, slug: SlugPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let movie = find_movie(&state, slug.0).await?;
    Ok(HttpResponse::Ok().json(movie.ok_or_else(|| Problem::of(Code::UnknownMovie))?))
}

pub(crate) async fn find_movie(state: &State, slug: Slug) -> Result<Option<MovieView>, Problem> {
    let totals = state.read_applied(move |unit| unit.movie_totals(&slug)).await?;
    Ok(totals.map(MovieView::from))
}

/// How long a user watched, all movies together.
#[utoipa::path(
    tag = "watch time",
    operation_id = "getUserWatchTime",
    security(("key" = ["read"])),
    params(("user" = String, Path, description = "Who watched.")),
    responses(
        (status = 200, description = "One heartbeat is enough to be known.", body = UserView, example = json!({
            "user": "u-17", "watch_time_seconds": 5400.5, "movies": 2, "heartbeats": 540,
            "updated_at": "2026-05-28T10:00:00.123456Z"
        })),
        (status = 404, description = "No heartbeat of hers has come."),
    )
)]
#[get("/v1/users/{user}/watch-time")]
pub(crate) async fn of_user(request: HttpRequest, user: UserPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let user = find_user(&state, user.0).await?;
    Ok(HttpResponse::Ok().json(user.ok_or_else(|| Problem::of(Code::UnknownUser))?))
}

pub(crate) async fn find_user(state: &State, user: UserId) -> Result<Option<UserView>, Problem> {
    let totals = state.read_applied(move |unit| unit.user_totals(&user)).await?;
    Ok(totals.map(UserView::from))
}

/// What a user has seen of a movie, and where she left it.
#[utoipa::path(
    tag = "watch time",
    operation_id = "getWatch",
    security(("key" = ["read"])),
    params(
        ("user" = String, Path, description = "Who watched."),
        ("slug" = String, Path, description = "The movie."),
    ),
    responses(
        (status = 200, description = "One heartbeat is enough to be known.", body = WatchView, example = json!({
            "user": "u-17", "slug": "big-buck-bunny", "latest_at": 612.5, "latest_seen_at": "2026-05-28T10:10:12.500000Z",
            "furthest_at": 612.5, "watch_time_seconds": 90, "unique_seconds": 70, "heartbeats": 10,
            "first_seen_at": "2026-05-28T10:00:00.000000Z"
        })),
        (status = 404, description = "No heartbeat of the two has come."),
    )
)]
#[get("/v1/users/{user}/movies/{slug}")]
pub(crate) async fn of_pair(
    request: HttpRequest,
    user: UserPath,
    slug: SlugPath,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let pair = Pair {
        user_id: user.0,
        slug: slug.0,
    };
    let view = find_pair(&state, pair).await?;
    Ok(HttpResponse::Ok().json(view.ok_or_else(|| Problem::of(Code::UnknownWatch))?))
}

pub(crate) async fn find_pair(state: &State, pair: Pair) -> Result<Option<WatchView>, Problem> {
    let read = state.read_applied(move |unit| {
        let watched = unit.watch_state(&pair)?;
        Ok(watched.and_then(|watched| WatchView::of(&pair.user_id, &pair.slug, &watched)))
    });
    read.await
}

/// What a user has watched, most recent first: where she may want to go on.
#[utoipa::path(
    tag = "watch time",
    operation_id = "listWatches",
    security(("key" = ["read"])),
    params(("user" = String, Path, description = "Who watched."), WatchPageParams),
    responses(
        (status = 200, description = "A page of them.", body = Page<WatchView>, example = json!({
            "items": [{
                "user": "u-17", "slug": "big-buck-bunny", "latest_at": 612.5, "latest_seen_at": "2026-05-28T10:10:12.500000Z",
                "furthest_at": 612.5, "watch_time_seconds": 90, "unique_seconds": 70, "heartbeats": 10,
                "first_seen_at": "2026-05-28T10:00:00.000000Z"
            }],
            "next_cursor": null
        })),
        (status = 404, description = "No heartbeat of hers has come."),
    )
)]
#[get("/v1/users/{user}/movies")]
pub(crate) async fn of_user_by_movie(
    request: HttpRequest,
    user: UserPath,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let wanted = PageRequest::<(Timestamp, Slug)>::read(&mut query);
    query.finish()?;
    let user = user.0;
    let (of, before, rows_max) = (user.clone(), wanted.from.clone(), wanted.rows_max());
    let watched = state.read_applied(move |unit| watched_by(unit, &of, before.clone(), rows_max));
    let watched = watched.await?.ok_or_else(|| Problem::of(Code::UnknownUser))?;
    let page = wanted.page(
        watched,
        |(at, slug, _)| (*at, slug.clone()),
        |(_, slug, watched)| WatchView::of(&user, &slug, &watched),
    );
    Ok(HttpResponse::Ok().json(page))
}

type Watched = (Timestamp, Slug, WatchState);

/// None of a user who is not known: an empty page alone does not tell, for there may have been pages before it.
fn watched_by(
    unit: &mut dyn Unit,
    user: &UserId,
    before: Option<(Timestamp, Slug)>,
    limit: u32,
) -> records::Result<Option<Vec<Watched>>> {
    let rows = unit.movies_of_user(user, before, limit)?;
    if rows.is_empty() && unit.user_totals(user)?.is_none() {
        return Ok(None);
    }
    // What is listed has heartbeats, and so a newest one.
    let newest = |(slug, watched): (Slug, WatchState)| Some((watched.newest()?.timestamp, slug, watched));
    Ok(Some(rows.into_iter().filter_map(newest).collect()))
}

/// The most watched movies.
#[utoipa::path(
    tag = "watch time",
    operation_id = "listMovies",
    security(("key" = ["read"])),
    params(LeaderboardParams),
    responses((status = 200, description = "A page of them, most watched first.", body = Page<MovieView>, example = json!({
        "items": [{
            "slug": "big-buck-bunny", "watch_time_seconds": 5400.5, "viewers": 3, "heartbeats": 540,
            "updated_at": "2026-05-28T10:00:00.123456Z"
        }],
        "next_cursor": null
    })))
)]
#[get("/v1/movies")]
pub(crate) async fn top_movies(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let wanted = read_leaderboard::<Slug>(&request)?;
    let (before, rows_max) = (place_in_rows(wanted.from.clone()), wanted.rows_max());
    let movies = state.read_applied(move |unit| unit.top_movies(before.clone(), rows_max));
    let place = |movie: &MovieTotals| (movie.watch_time_millis.unsigned_abs(), movie.slug.clone());
    Ok(HttpResponse::Ok().json(wanted.page(movies.await?, place, MovieView::from)))
}

/// The users who watched most.
#[utoipa::path(
    tag = "watch time",
    operation_id = "listUsers",
    security(("key" = ["read"])),
    params(LeaderboardParams),
    responses((status = 200, description = "A page of them, who watched most first.", body = Page<UserView>, example = json!({
        "items": [{
            "user": "u-17", "watch_time_seconds": 5400.5, "movies": 2, "heartbeats": 540,
            "updated_at": "2026-05-28T10:00:00.123456Z"
        }],
        "next_cursor": null
    })))
)]
#[get("/v1/users")]
pub(crate) async fn top_users(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let wanted = read_leaderboard::<UserId>(&request)?;
    let (before, rows_max) = (place_in_rows(wanted.from.clone()), wanted.rows_max());
    let users = state.read_applied(move |unit| unit.top_users(before.clone(), rows_max));
    let place = |user: &UserTotals| (user.watch_time_millis.unsigned_abs(), user.user_id.clone());
    Ok(HttpResponse::Ok().json(wanted.page(users.await?, place, UserView::from)))
}

/// There is one order; it may be named.
fn read_leaderboard<K>(request: &HttpRequest) -> Result<PageRequest<(u64, K)>, Problem>
where
    (u64, K): Cursor,
{
    let mut query = Query::of(request)?;
    query.take("order", "watch_time", |text| (text == "watch_time").then_some(()));
    let wanted = PageRequest::read(&mut query);
    query.finish()?;
    Ok(wanted)
}

/// A cursor holds no more than a row can.
fn place_in_rows<K>(place: Option<(u64, K)>) -> Option<(i64, K)> {
    place.map(|(millis, key)| (i64::try_from(millis).unwrap_or(i64::MAX), key))
}

/// How many saw which part of a movie.
///
/// The buckets are as narrow as the number of them allows: 10 s, 20 s, 40 s, up to nearly six hours. Who touched a bucket
/// is counted in it once.
#[utoipa::path(
    tag = "watch time",
    operation_id = "getRetention",
    security(("key" = ["read"])),
    params(("slug" = String, Path, description = "The movie."), RetentionParams),
    responses(
        (status = 200, description = "From the beginning to the furthest that anybody came.", body = RetentionView, example = json!({
            "slug": "big-buck-bunny", "bucket_seconds": 10, "viewers": 3,
            "points": [{"at": 0, "viewers": 3}, {"at": 10, "viewers": 2}, {"at": 20, "viewers": 0}]
        })),
        (status = 404, description = "No heartbeat of it has come."),
    )
)]
#[get("/v1/movies/{slug}/retention")]
pub(crate) async fn retention(request: HttpRequest, slug: SlugPath, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let buckets_max = query.take("buckets", format!("a number from 1 to {BUCKETS_MAX}"), read_buckets);
    query.finish()?;
    let buckets_max = buckets_max.unwrap_or(BUCKETS_DEFAULT);
    let seen = state.read_applied(move |unit| {
        let Some(movie) = unit.movie_totals(&slug.0)? else {
            return Ok(None);
        };
        let resolution = Resolution::for_buckets(movie.furthest_at_millis, buckets_max);
        let viewers = unit.bucket_viewers(&slug.0, resolution)?;
        Ok(Some((movie, resolution, viewers)))
    });
    let (movie, resolution, viewers) = seen.await?.ok_or_else(|| Problem::of(Code::UnknownMovie))?;
    Ok(HttpResponse::Ok().json(RetentionView::of(&movie, resolution, viewers)))
}

fn read_buckets(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let buckets = plain.then(|| text.parse().ok()).flatten();
    buckets.filter(|buckets| (1..=BUCKETS_MAX).contains(buckets))
}
