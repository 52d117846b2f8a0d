//! The control socket of a service: what `oyez check` asks.

use std::sync::Arc;

use anyhow::anyhow;
use model::AccountId;
use net::control::{ControlSocket, Question};
use portal::check::{CheckAnswer, answer};
use registrations::Registrations;
use store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::check::QUESTION;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Questions that wait for their turn: each client has one.
const WAITING: usize = 16;

/// The socket while it is served; it ends when this is dropped.
pub(super) struct Questions(JoinHandle<()>);

impl Drop for Questions {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Questions {
    /// Serves the socket of the state folder.
    ///
    /// # Errors
    ///
    /// When another service serves it, or it cannot be made.
    pub(super) async fn serve(
        state: &StateFolder,
        store: &Arc<Store>,
        account: &AccountId,
        registrations: &Arc<Registrations>,
    ) -> Result<Self, Failure> {
        let socket = ControlSocket::bind(&state.service_control())
            .await
            .map_err(|error| anyhow!(error))?;
        let (store, registrations, account) = (Arc::clone(store), Arc::clone(registrations), account.clone());
        let (questions, mut asked) = mpsc::channel::<Question>(WAITING);
        let answering = async move {
            while let Some(Question { text, answer: to }) = asked.recv().await {
                let answered = match text.strip_prefix(QUESTION) {
                    Some(device) => answer(&store, &account, &registrations, device.trim()).await,
                    None => CheckAnswer::Problem("ask for check and a device".to_owned()),
                };
                // Who asked may have gone.
                let _is_heard = serde_json::to_string(&answered).is_ok_and(|line| to.send(line).is_ok());
            }
        };
        Ok(Self(tokio::spawn(async move {
            tokio::join!(socket.serve_questions(questions), answering);
        })))
    }
}
