//! What an operation needs: read from the API document, where each declares it.

use std::collections::HashMap;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use domain::api_key::KeyKind;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::security::SecurityRequirement;

use crate::openapi::{KEY_SCHEME, TICKET_SCHEME};
use crate::routes;

/// What opens an operation. A key of the kind `admin` always does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// It holds nothing of the users: nothing is needed.
    pub(super) nothing: bool,
    kinds: Vec<KeyKind>,
    /// A ticket does as well.
    pub(super) takes_ticket: bool,
}

impl Needs {
    fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    fn any_key() -> Self {
        Self {
            kinds: KeyKind::ALL.to_vec(),
            ..Self::default()
        }
    }

    /// Who declares nothing, or what we do not understand, is for `admin` only.
    fn of(operation: &Operation) -> Self {
        let mut needs = Self::default();
        for alternative in operation.security.iter().flatten() {
            needs.add(alternative);
        }
        needs
    }

    fn add(&mut self, alternative: &SecurityRequirement) {
        let Ok(serde_json::Value::Object(schemes)) = serde_json::to_value(alternative) else {
            return;
        };
        let mut schemes = schemes.iter();
        match (schemes.next(), schemes.next()) {
            (None, _) => self.nothing = true,
            (Some((scheme, _)), None) if scheme == TICKET_SCHEME => self.takes_ticket = true,
            (Some((scheme, kinds)), None) if scheme == KEY_SCHEME => {
                self.kinds
                    .extend(only_of(kinds).and_then(|kind| kind.parse::<KeyKind>().ok()));
            }
            _ => {}
        }
    }

    pub(super) fn allow(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Admin || self.kinds.contains(&kind)
    }

    /// As in "it needs a key of the kind …".
    pub(super) fn in_words(&self) -> String {
        let kinds = self.kinds.iter().filter(|kind| **kind != KeyKind::Admin);
        let words: Vec<_> = kinds.chain([&KeyKind::Admin]).map(|kind| format!("`{kind}`")).collect();
        words.join(" or ")
    }
}

/// Several kinds at once would mean a key that is all of them.
fn only_of(kinds: &serde_json::Value) -> Option<&str> {
    match kinds.as_array()?.as_slice() {
        [kind] => kind.as_str(),
        _ => None,
    }
}

/// Every operation there is.
#[derive(Debug)]
pub(super) struct Operations {
    by_pattern: HashMap<String, Vec<(Method, Needs)>>,
    undeclared: Needs,
    /// Where nothing is, nothing is given away; but who has no key learns not even that.
    nowhere: Needs,
}

impl Operations {
    pub(super) fn of(paths: &Paths) -> Self {
        let mut by_pattern: HashMap<_, Vec<_>> = HashMap::new();
        for (pattern, item) in &paths.paths {
            let methods = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::DELETE, &item.delete),
            ];
            let declared = methods
                .into_iter()
                .filter_map(|(method, operation)| Some((method, Needs::of(operation.as_ref()?))));
            by_pattern.insert(pattern.clone(), declared.collect());
        }
        for page in routes::PAGES {
            by_pattern.insert(page.to_owned(), vec![(Method::GET, Needs::nothing())]);
        }
        Self {
            by_pattern,
            undeclared: Needs::default(),
            nowhere: Needs::any_key(),
        }
    }

    /// Of what the router will choose, so it has to look at the path as that does: decoded.
    pub(super) fn needs_of(&self, request: &ServiceRequest) -> &Needs {
        let path = request.match_info().as_str();
        let Some(pattern) = request.resource_map().match_pattern(path) else {
            return &self.nowhere;
        };
        let methods = self.by_pattern.get(&pattern);
        let declared = methods.and_then(|methods| methods.iter().find(|(method, _)| method == request.method()));
        declared.map_or(&self.undeclared, |(_, needs)| needs)
    }
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::OperationBuilder;

    use super::*;

    fn needs(alternatives: &[SecurityRequirement]) -> Needs {
        let operation = OperationBuilder::new().securities(Some(alternatives.to_vec())).build();
        Needs::of(&operation)
    }

    fn key(kinds: &[&str]) -> SecurityRequirement {
        SecurityRequirement::new(KEY_SCHEME, kinds.iter().copied())
    }

    fn allowed(needs: &Needs) -> Vec<KeyKind> {
        KeyKind::ALL.into_iter().filter(|kind| needs.allow(*kind)).collect()
    }

    #[test]
    fn each_alternative_is_enough() {
        let read_or_upload = needs(&[key(&["upload"]), key(&["read"])]);
        assert_eq!(
            allowed(&read_or_upload),
            [KeyKind::Upload, KeyKind::Read, KeyKind::Admin]
        );
        assert_eq!(read_or_upload.in_words(), "`upload` or `read` or `admin`");
        let socket = needs(&[key(&["read"]), SecurityRequirement::new(TICKET_SCHEME, [""; 0])]);
        assert!(socket.takes_ticket && !socket.nothing);
        assert!(needs(&[SecurityRequirement::default()]).nothing);
    }

    #[test]
    fn what_is_not_declared_or_not_understood_is_for_operators() {
        let undeclared = Needs::of(&OperationBuilder::new().build());
        for odd in [
            undeclared,
            needs(&[]),
            needs(&[key(&[])]),
            needs(&[key(&["owner"])]),
            needs(&[key(&["read", "write"])]),
            needs(&[SecurityRequirement::new("other", ["read"])]),
            needs(&[key(&["read"]).add(TICKET_SCHEME, [""; 0])]),
        ] {
            assert_eq!(allowed(&odd), [KeyKind::Admin], "{odd:?}");
            assert!(!odd.nothing && !odd.takes_ticket, "{odd:?}");
            assert_eq!(odd.in_words(), "`admin`");
        }
    }
}
