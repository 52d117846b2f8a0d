//! `/api/v1`.

mod access;
mod devices;
mod events;
mod page_groups;
mod pages;
mod repeats;
mod slots;
mod webhooks;

use super::*;

impl Program {
    pub(super) async fn ask_v1(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        self.send(request, body.to_owned()).await
    }

    async fn get_v1(&self, path: &str) -> Answer {
        self.ask_v1(Method::GET, path, "").await
    }
}

impl Program {
    async fn post_v1(&self, path: &str, body: Value) -> Answer {
        self.ask_v1(Method::POST, path, &body.to_string()).await
    }
}

impl Answer {
    /// What was asked for.
    fn found(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// The status of a refusal, which is told as a problem.
    pub(super) fn problem(&self) -> u16 {
        let content = self.headers.get(header::CONTENT_TYPE).unwrap();
        assert_eq!(content, "application/problem+json", "{}", self.text);
        assert_eq!(self.json()["status"], json!(self.status.as_u16()));
        self.status.as_u16()
    }
}
