//! The control socket of a running program: a Unix socket, mode 0600, that speaks lines.
//!
//! A client sends one word and a line end. `status` is answered with one line and the connection closes; `events` is
//! answered with `{"subscribed":true}`, and then a line per event until the client goes away or closes its side. What else
//! stands in the lines (JSON) is the program's affair. A client for whom there is no place is told so.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};
use tokio::time::timeout;

/// Clients served at once; a person, a page of the device's own and a monitor need three.
pub const CLIENTS_MAX: usize = 16;
/// Longest request line, in bytes.
pub const REQUEST_LENGTH_MAX: u64 = 64;
/// Events kept for a client that reads slowly; past that it is told how many it missed.
pub const EVENTS_KEPT: usize = 256;
/// Longest wait for a client's request line, and for a client to take one line.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the answer to a question may take: what it asks for may have to wait for others to write, and for questions before it.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// The line that a subscriber gets before the first event.
const SUBSCRIBED: &str = "{\"subscribed\":true}";

/// Longest question, in bytes: the longest signing request of a device in base64, its address, and a word.
pub const QUESTION_LENGTH_MAX: u64 = 22_100;

/// A request for the status line; the program answers through the sender.
pub type StatusRequest = oneshot::Sender<String>;

/// A line that a client has sent; the program answers with one line.
#[derive(Debug)]
pub struct Question {
    /// The line without its end.
    pub text: String,
    /// Takes the answer.
    pub answer: oneshot::Sender<String>,
}

/// Why a control socket cannot be had.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Another process answers on the path.
    #[error("{} is in use by a running program; stop it, or choose another state directory", .path.display())]
    InUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot make the control socket {}", .path.display())]
    Unusable {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why a running program gave no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// Nobody serves the path, or the connection broke.
    #[error(transparent)]
    Unanswered(#[from] io::Error),
    /// The program says why not.
    #[error("{0}")]
    Refused(String),
}

/// A bound control socket; the file goes away with it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds `path`, taking the place of a socket that nobody serves any more.
    ///
    /// # Errors
    ///
    /// [`ControlError::InUse`] when somebody serves it, [`ControlError::Unusable`] when the system refuses.
    pub async fn bind(path: &Path) -> Result<Self, ControlError> {
        if UnixStream::connect(path).await.is_ok() {
            return Err(ControlError::InUse {
                path: path.to_owned(),
            });
        }
        let unusable = |source| ControlError::Unusable {
            path: path.to_owned(),
            source,
        };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(unusable)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(unusable)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Serves clients until the owner drops the future: status through `status`, events from `events`.
    pub async fn serve(self, status: mpsc::Sender<StatusRequest>, events: broadcast::Sender<Arc<str>>) {
        self.serve_each(|stream| serve_client(stream, status.clone(), events.clone()))
            .await;
    }

    /// Serves clients until the owner drops the future: each asks one question, of what kind is the program's affair.
    pub async fn serve_questions(self, questions: mpsc::Sender<Question>) {
        self.serve_each(|stream| serve_asker(stream, questions.clone()))
            .await;
    }

    async fn serve_each<F>(self, client: impl Fn(UnixStream) -> F)
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        let refusals = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        spawn_with(place, client(stream));
                    } else if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                        spawn_with(place, refuse_client(stream));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "control socket file is gone already");
        }
    }
}

fn spawn_with(place: OwnedSemaphorePermit, client: impl Future<Output = io::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = client.await {
            tracing::debug!(%error, "control client went away");
        }
        drop(place);
    });
}

async fn refuse_client(mut stream: UnixStream) -> io::Result<()> {
    // A stream that is closed with something unread takes the answer with it.
    read_request(&mut stream, QUESTION_LENGTH_MAX).await?;
    let refusal = format!("all {CLIENTS_MAX} places are taken; end another client first");
    write_line(&mut stream, &refusal_line(&refusal)).await
}

async fn read_request(stream: &mut UnixStream, length_max: u64) -> io::Result<String> {
    let mut request = String::new();
    let mut reading = BufReader::new((&mut *stream).take(length_max));
    timeout(PATIENCE, reading.read_line(&mut request)).await??;
    Ok(request)
}

async fn serve_client(
    mut stream: UnixStream,
    status: mpsc::Sender<StatusRequest>,
    events: broadcast::Sender<Arc<str>>,
) -> io::Result<()> {
    let request = read_request(&mut stream, REQUEST_LENGTH_MAX).await?;
    match request.trim() {
        "status" => {
            let (answer, line) = oneshot::channel();
            let asked = status.send(answer).await.is_ok();
            match line.await {
                Ok(line) if asked => write_line(&mut stream, &line).await,
                Ok(_) | Err(_) => write_line(&mut stream, &refusal_line("the program is stopping")).await,
            }
        }
        "events" => {
            let events = events.subscribe();
            write_line(&mut stream, SUBSCRIBED).await?;
            send_events(&mut stream, events).await
        }
        _ => write_line(&mut stream, &refusal_line("ask for status or events")).await,
    }
}

async fn serve_asker(mut stream: UnixStream, questions: mpsc::Sender<Question>) -> io::Result<()> {
    let text = read_request(&mut stream, QUESTION_LENGTH_MAX)
        .await?
        .trim()
        .to_owned();
    let (answer, line) = oneshot::channel();
    let asked = questions.send(Question { text, answer }).await.is_ok();
    match line.await {
        Ok(line) if asked => write_line(&mut stream, &line).await,
        Ok(_) | Err(_) => write_line(&mut stream, &refusal_line("the program is stopping")).await,
    }
}

async fn send_events(stream: &mut UnixStream, mut events: broadcast::Receiver<Arc<str>>) -> io::Result<()> {
    loop {
        let mut more = [0; 64];
        tokio::select! {
            event = events.recv() => match event {
                Ok(line) => write_line(stream, &line).await?,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    write_line(stream, &format!("{{\"missed\":{missed}}}")).await?;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            // A client has nothing more to say; that it has gone shows here and nowhere else while nothing happens.
            read = stream.read(&mut more) => if read? == 0 {
                return Ok(());
            },
        }
    }
}

async fn write_line(stream: &mut UnixStream, line: &str) -> io::Result<()> {
    let bytes = [line.as_bytes(), b"\n"].concat();
    timeout(PATIENCE, stream.write_all(&bytes)).await?
}

const REFUSAL_BEGINS: &str = "{\"error\":\"";
const REFUSAL_ENDS: &str = "\"}";

/// `why` has nothing that JSON escapes.
fn refusal_line(why: &str) -> String {
    [REFUSAL_BEGINS, why, REFUSAL_ENDS].concat()
}

/// Asks the program that serves `path` for its status line.
///
/// # Errors
///
/// When nobody serves the path, the answer does not come whole within five seconds, or it is a refusal.
pub async fn ask_status(path: &Path) -> Result<String, AskError> {
    ask(path, "status\n", PATIENCE).await.map(|(line, _)| line)
}

/// Asks the program that serves `path` a question of one line, and gives the line it answers.
///
/// # Errors
///
/// As [`ask_status`], after thirty seconds.
pub async fn ask_question(path: &Path, question: &str) -> Result<String, AskError> {
    ask(path, &format!("{question}\n"), ANSWER_PATIENCE)
        .await
        .map(|(line, _)| line)
}

/// The events that the program that serves `path` has from now on, a line each.
///
/// # Errors
///
/// As [`ask_status`].
pub async fn subscribe(path: &Path) -> Result<EventLines, AskError> {
    let (_subscribed, reader) = ask(path, "events\n", PATIENCE).await?;
    Ok(EventLines { reader })
}

/// Sends a request line and waits for the first line of the answer.
async fn ask(
    path: &Path,
    request: &str,
    patience: Duration,
) -> Result<(String, BufReader<UnixStream>), AskError> {
    let mut stream = UnixStream::connect(path).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let waiting = timeout(patience, reader.read_line(&mut line));
    let length = waiting.await.map_err(io::Error::from)??;
    if length == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    let line = line.trim_end();
    let refusal = line
        .strip_prefix(REFUSAL_BEGINS)
        .and_then(|rest| rest.strip_suffix(REFUSAL_ENDS));
    match refusal {
        Some(why) => Err(AskError::Refused(why.to_owned())),
        None => Ok((line.to_owned(), reader)),
    }
}

/// The event lines of a running program.
#[derive(Debug)]
pub struct EventLines {
    reader: BufReader<UnixStream>,
}

impl EventLines {
    /// The next line; `None` when the program has gone.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).await?;
        Ok((length > 0).then(|| line.trim_end().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn served(path: &Path) -> (mpsc::Receiver<StatusRequest>, broadcast::Sender<Arc<str>>) {
        let socket = ControlSocket::bind(path).await.unwrap();
        let (status, requests) = mpsc::channel(1);
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        tokio::spawn(socket.serve(status, events.clone()));
        (requests, events)
    }

    #[tokio::test]
    async fn a_status_request_is_answered_with_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (mut requests, _events) = served(&path).await;
        let answered =
            tokio::spawn(async move { requests.recv().await.unwrap().send("{\"up\":true}".into()) });
        assert_eq!(ask_status(&path).await.unwrap(), "{\"up\":true}");
        answered.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_question_of_the_longest_is_answered_and_one_octet_more_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let socket = ControlSocket::bind(&path).await.unwrap();
        let (questions, mut asked) = mpsc::channel::<Question>(1);
        tokio::spawn(socket.serve_questions(questions));
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                question.answer.send(question.text.len().to_string()).unwrap();
            }
        });
        let longest = usize::try_from(QUESTION_LENGTH_MAX).unwrap();
        for (length, heard) in [(5, 5), (longest - 1, longest - 1), (longest + 1, longest)] {
            let answer = ask_question(&path, &"x".repeat(length)).await.unwrap();
            assert_eq!(answer, heard.to_string());
        }
    }

    #[tokio::test]
    async fn a_subscriber_gets_each_event_as_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (_requests, events) = served(&path).await;
        let mut lines = subscribe(&path).await.unwrap();
        events.send("{\"event\":1}".into()).unwrap();
        assert_eq!(lines.next().await.unwrap().as_deref(), Some("{\"event\":1}"));
    }

    #[tokio::test]
    async fn the_last_place_is_given_one_more_client_is_told_so_and_who_leaves_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (mut requests, events) = served(&path).await;
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                request.send("{}".into()).unwrap();
            }
        });
        let mut subscribers = Vec::new();
        for _ in 1..CLIENTS_MAX {
            subscribers.push(subscribe(&path).await.unwrap());
        }
        assert_eq!(ask_status(&path).await.unwrap(), "{}", "the last place");
        // Who asked for the status gives its place back when it has read the answer.
        subscribers.push(subscribed(&path).await);

        let refusals = [
            ask_status(&path).await.map(drop),
            subscribe(&path).await.map(drop),
        ];
        for refused in refusals {
            let Err(AskError::Refused(why)) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(why, "all 16 places are taken; end another client first");
        }

        // Nothing happens that could be written to those who go.
        drop(subscribers);
        while events.receiver_count() != 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask_status(&path).await.unwrap(), "{}");
    }

    async fn subscribed(path: &Path) -> EventLines {
        loop {
            match subscribe(path).await {
                Ok(lines) => return lines,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn a_program_that_is_stopping_says_so_and_one_that_says_nothing_gave_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (requests, _events) = served(&path).await;
        drop(requests);
        let refused = ask_status(&path).await.unwrap_err();
        assert_eq!(refused.to_string(), "the program is stopping");

        let silent = folder.path().join("silent.sock");
        let listener = UnixListener::bind(&silent).unwrap();
        tokio::spawn(async move { listener.accept().await.map(drop) });
        assert!(matches!(ask_status(&silent).await, Err(AskError::Unanswered(_))));
    }

    #[tokio::test]
    async fn an_unknown_or_overlong_request_is_told_what_to_ask() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _served = served(&path).await;
        for request in [
            b"hello\n".to_vec(),
            vec![b'a'; usize::try_from(REQUEST_LENGTH_MAX).unwrap()],
        ] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(&request).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "{\"error\":\"ask for status or events\"}\n");
        }
    }

    #[tokio::test]
    async fn a_path_that_is_served_is_refused_and_a_left_over_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        std::os::unix::net::UnixListener::bind(&path).map(drop).unwrap();
        let _served = served(&path).await;
        assert!(matches!(
            ControlSocket::bind(&path).await,
            Err(ControlError::InUse { .. })
        ));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
