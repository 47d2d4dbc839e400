//! Lists in pages: what every list takes and gives.

use serde::Serialize;
use utoipa::ToSchema;
use validator::Validate;

use crate::cursor::Cursor;
use crate::query::Query;

pub(crate) const LIMIT_DEFAULT: u32 = 50;
pub(crate) const LIMIT_MAX: u32 = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Validate)]
pub(crate) struct PageRequest<C> {
    #[validate(range(min = 1, max = 1000, message = "must be a number from 1 to 1000"))]
    pub(crate) limit: u32,
    pub(crate) from: Option<C>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required, examples("0000000000000032"))]
    pub(crate) next_cursor: Option<String>,
}

impl<C: Cursor> PageRequest<C> {
    pub(crate) fn read(query: &mut Query) -> Self {
        let limit = query
            .take("limit", "a number from 1 to 1000", read_limit)
            .unwrap_or(LIMIT_DEFAULT);
        let from = query.take("cursor", "the `next_cursor` of a page of this list", C::decode);
        let request = Self { limit, from };
        query.check(&request);
        request
    }

    /// One more than wanted: so the last page knows that it is the last.
    pub(crate) fn rows_max(&self) -> u32 {
        self.limit + 1
    }

    pub(crate) fn page<R, T>(&self, mut rows: Vec<R>, place: impl Fn(&R) -> C, show: impl Fn(R) -> T) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more {
            rows.last().map(|row| place(row).encode())
        } else {
            None
        };
        Page {
            items: rows.into_iter().map(show).collect(),
            next_cursor,
        }
    }
}

fn read_limit(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let request = PageRequest::<u64> { limit: 2, from: None };
        let page = |rows: Vec<u64>| {
            let page = request.page(rows, |row| *row, |row| row);
            (page.items, page.next_cursor)
        };
        assert_eq!(page(vec![1, 2]), (vec![1, 2], None));
        assert_eq!(page(vec![1, 2, 3]), (vec![1, 2], Some("0000000000000002".to_owned())));
        assert_eq!(page(vec![]), (vec![], None));
    }
}
