//! The control socket of a service: what `oyez check`, `oyez service certificate` and `oyez service audit` ask.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::AccountId;
use model::inventory::MacAddress;
use net::authority::Authority;
use net::control::{ControlSocket, Question};
use portal::audit_check::{self, AuditAnswer};
use portal::check::{CheckAnswer, answer};
use portal::checkpoint::Checkpoint;
use portal::provisioning::{IssuedByHand, NotIssued, NotKept, issue_by_hand};
use registrations::Registrations;
use store::{Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::certificate::CertificateAnswer;
use crate::failure::Failure;
use crate::state::StateFolder;
use crate::{audit, certificate, check};

/// Who has certificates made on the service's machine, in the audit.
const BY: &str = "oyez service certificate";

/// Questions that wait for their turn: each client has one.
const WAITING: usize = 16;

/// The socket while it is served; it ends when this is dropped.
pub(super) struct Questions(JoinHandle<()>);

impl Drop for Questions {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What questions are answered from.
pub(super) struct Answering {
    store: Arc<Store>,
    account: AccountId,
    registrations: Arc<Registrations>,
    /// Signs what whoever may open the socket vouches for.
    authority: Arc<Authority>,
}

impl Questions {
    /// Serves the socket of the state folder.
    ///
    /// # Errors
    ///
    /// When another service serves it, or it cannot be made.
    pub(super) async fn serve(state: &StateFolder, answering: Answering) -> Result<Self, Failure> {
        let socket = ControlSocket::bind(&state.service_control())
            .await
            .map_err(|error| anyhow!(error))?;
        let (questions, mut asked) = mpsc::channel::<Question>(WAITING);
        let answering = async move {
            while let Some(Question { text, answer: to }) = asked.recv().await {
                // Who asked may have gone.
                let _is_heard = to.send(answering.line(&text).await).is_ok();
            }
        };
        Ok(Self(tokio::spawn(async move {
            tokio::join!(socket.serve_questions(questions), answering);
        })))
    }
}

impl Answering {
    pub(super) fn new(
        store: &Arc<Store>,
        account: &AccountId,
        registrations: &Arc<Registrations>,
        authority: Arc<Authority>,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            account: account.clone(),
            registrations: Arc::clone(registrations),
            authority,
        }
    }

    /// The line that answers a question.
    async fn line(&self, text: &str) -> String {
        let line = if let Some(device) = text.strip_prefix(check::QUESTION) {
            let Self {
                store,
                account,
                registrations,
                ..
            } = self;
            serde_json::to_string(&answer(store, account, registrations, device.trim()).await)
        } else if let Some(asked) = text.strip_prefix(certificate::QUESTION) {
            let answer = match self.sign(asked).await {
                Ok(issued) => CertificateAnswer::Issued(issued),
                Err(problem) => CertificateAnswer::Problem(problem),
            };
            serde_json::to_string(&answer)
        } else if let Some(from) = text.strip_prefix(audit::QUESTION) {
            serde_json::to_string(&self.verify(from.trim()).await)
        } else {
            let problem = "ask for check or certificate, and a device, or for audit".to_owned();
            serde_json::to_string(&CheckAnswer::Problem(problem))
        };
        line.unwrap_or_default()
    }

    /// Goes through the audit; looks whether that contains a checkpoint, where one is named.
    async fn verify(&self, from: &str) -> AuditAnswer {
        let from = match from {
            "" => None,
            from => match from.parse::<Checkpoint>() {
                Ok(from) => Some(from),
                Err(error) => return AuditAnswer::Problem(error.to_string()),
            },
        };
        audit_check::answer(&self.store, &self.account, from.as_ref()).await
    }

    /// Signs the request of a device of the account.
    async fn sign(&self, asked: &str) -> Result<IssuedByHand, String> {
        let malformed = || "ask for certificate, a MAC address and a request in base64".to_owned();
        let (mac, request) = asked.trim().split_once(' ').ok_or_else(malformed)?;
        let mac: MacAddress = mac.parse().map_err(|_| malformed())?;
        let request = STANDARD.decode(request).map_err(|_| malformed())?;
        let failed = |error: StoreError| {
            let error = device::sentence(&error);
            tracing::error!(%error, "a certificate cannot be issued by hand");
            "the service cannot keep the certificate; its log says why".to_owned()
        };
        let mut writing = self.store.write().await.map_err(failed)?;
        let found = writing.device_of_mac(mac).await.map_err(failed)?;
        let Some((account, device)) = found.filter(|(account, _)| *account == self.account) else {
            return Err(format!(
                "no device is {mac}; add it in the portal under Phones & Devices first"
            ));
        };
        let of = (&account, &device);
        let now = SystemTime::now();
        let issued = issue_by_hand(&mut writing, &self.authority, of, &request, BY, now).await;
        let issued = issued.map_err(|error| match error {
            NotIssued::Unkept(NotKept::Store(error)) => failed(error),
            error => error.to_string(),
        })?;
        writing.commit().await.map_err(failed)?;
        Ok(issued)
    }
}
