//! Names in the path: percent-decoded once, so that a `%2F` is part of a name, and checked as everywhere else.

use actix_web::{FromRequest, HttpRequest, dev};
use domain::ids::{InvalidId, Slug, StreamId, UserId};

use crate::problem::{Code, FieldError, Problem};
use crate::query::decoded;

macro_rules! path_name {
    ($(#[$about:meta])* $name:ident($id:ident) in $segment:literal) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name(pub(crate) $id);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = std::future::Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
                let read = |text: String| $id::try_from(text);
                std::future::ready(name_in(request, $segment, read).map(Self))
            }
        }
    };
}

path_name!(
    /// The user that the path names.
    UserPath(UserId) in "user"
);
path_name!(
    /// The movie that the path names.
    SlugPath(Slug) in "slug"
);
path_name!(
    /// The stream that the path names.
    StreamPath(StreamId) in "stream_id"
);

fn name_in<T>(
    request: &HttpRequest,
    segment: &'static str,
    read: impl FnOnce(String) -> Result<T, InvalidId>,
) -> Result<T, Problem> {
    let written = written_as(request, segment).ok_or_else(|| Problem::internal("a path without its segment"))?;
    let Some(text) = decoded(&written, b'+') else {
        return Err(invalid(segment, "is not well-formed percent-encoded UTF-8".to_owned()));
    };
    read(text).map_err(|error| invalid(segment, error.to_string()))
}

/// As the client wrote it: what the router matches is decoded in part, and no longer tells what was malformed.
fn written_as(request: &HttpRequest, segment: &str) -> Option<String> {
    let pattern = request.match_pattern()?;
    let is_named = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(segment);
    let place = pattern.split('/').position(is_named)?;
    request.uri().path().split('/').nth(place).map(str::to_owned)
}

fn invalid(segment: &'static str, message: String) -> Problem {
    let detail = format!("`{segment}` in the path {message}");
    Problem::new(Code::InvalidId, detail).with_errors(vec![FieldError::new(segment, "malformed", message)])
}
