//! What the commands that only ask want to know: any resource, by its path.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::ACCEPT;
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::{Client, Problem, accepted, read};

const NDJSON: &str = "application/x-ndjson";
const ANSWER_WAIT: Duration = Duration::from_secs(30);

impl Client {
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<T> {
        let mut url = self.resource(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.answer(self.http.get(url)).await?)
    }

    /// `None`: there is no such thing.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<Option<T>> {
        match self.answer(self.http.get(self.resource(path)?)).await {
            Err(problem) if problem.status == Some(StatusCode::NOT_FOUND.as_u16()) => Ok(None),
            answer => Ok(Some(answer?)),
        }
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        Ok(self.answer(self.http.post(self.resource(path)?)).await?)
    }

    /// All of a list, one JSON object a line, in pieces as they come.
    pub(crate) async fn lines(&self, path: &[&str]) -> anyhow::Result<Response> {
        let request = self.http.get(self.resource(path)?).header(ACCEPT, NDJSON);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        Ok(accepted(answer).await?)
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Problem> {
        let answer = request.timeout(ANSWER_WAIT).send().await;
        read(answer.map_err(|error| self.unanswered(&error))?).await
    }

    /// The segments of the path are names, whatever stands in them.
    fn resource(&self, path: &[&str]) -> anyhow::Result<Url> {
        let mut url = Url::parse(&self.base)?;
        let mut segments = url.path_segments_mut().ok().context("this address has no paths")?;
        segments.pop_if_empty().extend(path);
        drop(segments);
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_path_stays_one_name() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = |base: &str, user: &str| {
            let client = Client::new(base, None).unwrap();
            client.resource(&["v1", "users", user, "streams"]).unwrap().to_string()
        };
        assert_eq!(
            url("http://127.0.0.1:8000/", "a/b?c#d%e"),
            "http://127.0.0.1:8000/v1/users/a%2Fb%3Fc%23d%25e/streams"
        );
        assert_eq!(
            url("https://example.org/horizon", "ü"),
            "https://example.org/horizon/v1/users/%C3%BC/streams"
        );
    }
}
