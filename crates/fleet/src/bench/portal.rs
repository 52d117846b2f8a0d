//! The portal of a service with many devices: how long its pages take at a steady rate of requests, and how much memory that takes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use fleet::process::Server;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Account, Administrator, AdministratorId, CountryCode, Description, Device, DeviceType, DisplayName,
    Holder, HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, Role, Session, TimeZone, TokenHash,
};
use model::{AccountId, DeviceId, Secret, SlotKind, SlotPosition};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use sha2::{Digest, Sha256};
use store::{Scope, Store, timestamp};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::oyez::program;
use super::report::{Table, percentile, say};

/// The account.
const ACCOUNT: &str = "bench";
/// What the cookie of the one who looks holds.
const TOKEN: &str = "a token of the benchmark alone";
/// Connections of browsers.
const CONNECTIONS: usize = 8;
/// What the service does once, when it has begun, is told apart from what goes on, in seconds.
const FIRST_SECONDS: u32 = 5;
/// Longest time until the portal answers.
const READY_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Options of the benchmark.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Devices, with two extensions each
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    devices: u32,
    /// Requests a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Seconds for which each page is asked for
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: u32,
}

/// Fills a store, starts the service, and asks for pages.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let began = Instant::now();
    let devices = fill(&folder.path().join("state"), arguments.devices).await?;
    let count = devices.len();
    say(&format!(
        "{count} devices and {} extensions written in {:.1} s",
        2 * count,
        began.elapsed().as_secs_f64()
    ));
    let (server, portal) = start(folder.path()).await?;
    say(&format!(
        "memory after the start: {:.1} MB",
        megabytes(server.memory()?)
    ));
    let first = Arguments {
        seconds: FIRST_SECONDS,
        ..*arguments
    };
    let asked = load(portal, &first, &|at| Page::List.path(at, &devices)).await?;
    let most = asked
        .times
        .iter()
        .max()
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    say(&format!(
        "list in the first {FIRST_SECONDS} s after the start: {most:.1} ms at most"
    ));
    let mut table = Table::new(&["page", "requests", "octets", "p50 ms", "p99 ms", "most ms"]);
    for page in [Page::List, Page::Search, Page::Device] {
        let asked = load(portal, arguments, &|at| page.path(at, &devices)).await?;
        let mut times = asked.times;
        times.sort();
        let at = |share| percentile(&times, share).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        table.row(vec![
            format!("{page:?}"),
            times.len().to_string(),
            asked.octets.to_string(),
            format!("{:.1}", at(0.5)),
            format!("{:.1}", at(0.99)),
            format!("{:.1}", at(1.0)),
        ]);
    }
    say(&table.text());
    say(&format!(
        "memory at the end: {:.1} MB",
        megabytes(server.memory()?)
    ));
    Ok(())
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
enum Page {
    List,
    Search,
    Device,
}

impl Page {
    fn path(self, at: usize, devices: &[DeviceId]) -> String {
        match self {
            Self::List => "/devices".to_owned(),
            Self::Search => format!("/devices?q=Speaker+{at}"),
            Self::Device => {
                let device = devices.get(at % devices.len().max(1));
                format!("/devices/{}", device.map_or("", DeviceId::as_str))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 octets")]
fn megabytes(octets: u64) -> f64 {
    octets as f64 / 1e6
}

/// Writes the inventory; the devices in an order that a list does not have.
async fn fill(state: &Path, devices: u32) -> Result<Vec<DeviceId>> {
    std::fs::create_dir_all(state)?;
    let store = Store::open(state).await.map_err(|error| anyhow!(error))?;
    let account: AccountId = ACCOUNT.parse()?;
    let mut writing = store.write().await.map_err(|error| anyhow!(error))?;
    let made = Account {
        id: account.clone(),
        name: named("Bench")?,
        domain: "bench.example".to_owned(),
        many_extensions_before_5_5: true,
        generic_devices: true,
    };
    writing.add_account(&made).await.map_err(|error| anyhow!(error))?;
    let owner = Administrator {
        id: AdministratorId::from_random(1),
        email: "owner@bench.example".to_owned(),
        role: Role::Owner,
        password: None,
    };
    let mut scope = writing.account(&account);
    scope
        .add_administrator(&owner)
        .await
        .map_err(|error| anyhow!(error))?;
    let mut ids = Vec::new();
    for number in 0..devices {
        ids.push(add_device(&mut scope, number).await?);
    }
    let now = timestamp(SystemTime::now());
    let session = Session {
        token: TokenHash(Sha256::digest(TOKEN.as_bytes()).into()),
        administrator: owner.id,
        expires_at: now.after_seconds(3_600),
    };
    writing
        .add_session(&session, now)
        .await
        .map_err(|error| anyhow!(error))?;
    writing.commit().await.map_err(|error| anyhow!(error))?;
    Ok(ids)
}

async fn add_device(scope: &mut Scope<'_, '_>, number: u32) -> Result<DeviceId> {
    let octets = number.to_be_bytes();
    let device = Device {
        id: DeviceId::from_random(u128::from(number) + 1),
        name: named(&format!("Speaker {number}"))?,
        description: Description::new("Above the door").map_err(|error| anyhow!(error))?,
        mac: MacAddress::new([2, 0, octets[0], octets[1], octets[2], octets[3]]),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: timestamp(SystemTime::now()),
    };
    scope.add_device(&device).await.map_err(|error| anyhow!(error))?;
    for (kind, half) in [(SlotKind::Page, 0), (SlotKind::Ring, 1)] {
        let of = 2 * number + half;
        let holder = Holder {
            id: HolderId::from_random(u128::from(of) + 1),
            kind: HolderKind::CommonArea,
            name: named(&format!("Room {of}"))?,
            extension: (100_000 + of).to_string().parse()?,
            package: String::new(),
            country: CountryCode::new("US").map_err(|error| anyhow!(error))?,
            time_zone: TimeZone::new("UTC").map_err(|error| anyhow!(error))?,
            site: None,
        };
        scope.add_holder(&holder).await.map_err(|error| anyhow!(error))?;
        let line = Line {
            id: LineId::from_random(u128::from(of) + 1),
            device: device.id.clone(),
            place: LinePlace::Slot(SlotPosition::new(kind, 1)?),
            holder: holder.id,
            user: format!("user{of}").parse()?,
            authorization_id: format!("id{of}").parse()?,
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            password: Secret::new(format!("password-of-line-{of}")),
        };
        scope.add_line(&line).await.map_err(|error| anyhow!(error))?;
    }
    Ok(device.id)
}

fn named(text: &str) -> Result<DisplayName> {
    DisplayName::new(text).map_err(|error| anyhow!(error))
}

/// Starts the service with a zone in its process, and waits until the portal answers.
async fn start(folder: &Path) -> Result<(Server, SocketAddr)> {
    let port = || -> Result<SocketAddr> { Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?) };
    let (portal, provisioning, tls) = (port()?, port()?, port()?);
    let config = folder.join("service.toml");
    std::fs::write(
        &config,
        format!(
            "state = \"state\"\n[portal]\nlisten = \"{portal}\"\naddress = \"127.0.0.1\"\n\
             [provisioning]\nlisten = \"{provisioning}\"\naddress = \"127.0.0.1\"\n\
             [account]\nid = \"{ACCOUNT}\"\nname = \"Bench\"\ndomain = \"bench.example\"\nowner = \"owner@bench.example\"\n\
             [zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"127.0.0.1\"\n"
        ),
    )?;
    std::fs::write(
        folder.join("zone.toml"),
        format!("name = \"bench\"\ncontrol = \"zone.sock\"\n[listen]\ntls = [\"{tls}\"]\n"),
    )?;
    let mut command = Command::new(program("oyez")?);
    command.arg("service").arg("--config").arg(config);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = Server::start(&mut command).context("cannot start the service")?;
    let end = Instant::now() + READY_MAX;
    let look = async || Visitor::connect(portal).await?.get("/devices").await;
    loop {
        match look().await {
            Ok(_) => return Ok((server, portal)),
            // Until the service is whole its port says so.
            Err(error) if !server.is_running() || Instant::now() > end => {
                return Err(error.context("the portal does not answer"));
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// What came of a load.
struct Asked {
    /// How long each answer took, from the moment at which it was to be asked for.
    times: Vec<Duration>,
    /// Octets of the last answer.
    octets: usize,
}

/// Asks at a steady rate, whatever the answers take.
async fn load(portal: SocketAddr, arguments: &Arguments, path: &dyn Fn(usize) -> String) -> Result<Asked> {
    let total = usize::try_from(arguments.rate * arguments.seconds)?;
    let step = Duration::from_secs(1) / arguments.rate;
    let mut visitors = JoinSet::new();
    let began = Instant::now() + LOOK_EVERY;
    for lane in 0..CONNECTIONS {
        let mut visitor = Visitor::connect(portal).await?;
        // A stride that meets the devices in no order.
        let wanted = (lane..total)
            .step_by(CONNECTIONS)
            .map(|at| (at, path(at * 7_919 % 10_007)));
        let wanted: Vec<(usize, String)> = wanted.collect();
        visitors.spawn(async move {
            let mut asked = Asked {
                times: Vec::new(),
                octets: 0,
            };
            for (at, path) in wanted {
                let due = began + step * u32::try_from(at)?;
                tokio::time::sleep_until(due.into()).await;
                asked.octets = visitor.get(&path).await?;
                asked.times.push(due.elapsed());
            }
            Ok::<_, anyhow::Error>(asked)
        });
    }
    let mut all = Asked {
        times: Vec::new(),
        octets: 0,
    };
    while let Some(asked) = visitors.join_next().await {
        let asked = asked??;
        all.times.extend(asked.times);
        all.octets = asked.octets;
    }
    Ok(all)
}

/// A browser's connection.
struct Visitor {
    sender: SendRequest<Empty<Bytes>>,
}

impl Visitor {
    async fn connect(portal: SocketAddr) -> Result<Self> {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::Anyone,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .map_err(|error| anyhow!(error))?;
        let stream = TcpStream::connect(portal).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&tls.config()));
        let stream = connector.connect(ServerName::from(portal.ip()), stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Octets of a page.
    async fn get(&mut self, path: &str) -> Result<usize> {
        let request = Request::get(path)
            .header("host", "127.0.0.1")
            .header("cookie", format!("__Host-oyez-portal={TOKEN}"))
            .body(Empty::new())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            bail!("{path} was answered {status}");
        }
        Ok(answer.into_body().collect().await?.to_bytes().len())
    }
}
