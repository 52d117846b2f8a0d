//! Chromium without a head, driven over the WebDriver protocol (W3C): it fills in forms and shows what a person would see.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Program;

/// Longest wait for the browser, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a page is looked at while something is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The key of an element in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The narrowest screen that pages have to fit.
const NARROWEST: (u32, u64) = (360, 800);
/// Environment variable that names the folder in which pictures of pages are put, if they are wanted.
const PICTURES: &str = "OYEZ_PICTURES";

/// The programs that have to be there.
pub const BROWSER_PROGRAMS: &[&str] = &["chromium", "chromedriver"];

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// A desk, light.
    Wide,
    /// A desk, dark.
    WideDark,
    /// A phone, light.
    Narrow,
    /// A phone, dark.
    NarrowDark,
}

impl View {
    /// All of them, with the names of their pictures.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Wide, "wide"),
        (Self::WideDark, "wide-dark"),
        (Self::Narrow, "narrow"),
        (Self::NarrowDark, "narrow-dark"),
    ];

    fn size(self) -> (u32, u32) {
        match self {
            Self::Wide | Self::WideDark => (1_280, 900),
            Self::Narrow | Self::NarrowDark => (390, 844),
        }
    }

    fn is_dark(self) -> bool {
        matches!(self, Self::WideDark | Self::NarrowDark)
    }
}

/// A running browser with one window.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    session: String,
    _driver: Program,
    _folder: tempfile::TempDir,
}

/// Something on a page.
#[derive(Debug, Clone)]
pub struct Element(String);

impl Browser {
    /// Starts a browser that takes any certificate, as a person does who has been told of the device's own.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`start`](Self::start), with a microphone that hears a WAV file over and over, and may be used by every page.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn start_hearing(file: &Path) -> Self {
        let heard = format!("--use-file-for-fake-audio-capture={}", file.display());
        Self::start_with(&[
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            &heard,
        ])
    }

    fn start_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a port is free")
            .port();
        let mut driver = Program::start(
            Command::new("chromedriver")
                .arg(format!("--port={port}"))
                .env("HOME", folder.path()),
        );
        driver.wait_for(&["started successfully"], PATIENCE);
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let usual = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            &profile,
        ];
        let arguments = [&usual[..], more].concat();
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": {"browser": "SEVERE"},
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": arguments,
            },
        }}});
        let answer = call(port, "POST", "/session", &capabilities);
        let session = text(&answer, "/sessionId");
        assert!(!session.is_empty(), "no session: {answer}");
        let browser = Self {
            port,
            session,
            _driver: driver,
            _folder: folder,
        };
        browser.look(View::Wide);
        browser
    }

    /// Opens an address, and waits until the page is there.
    pub fn open(&self, address: &str) {
        self.ask("POST", "/url", &json!({ "url": address }));
    }

    /// The first element that a CSS selector finds; waits until there is one.
    ///
    /// # Panics
    ///
    /// When there is none in good time: the text of the page is shown.
    pub fn find(&self, selector: &str) -> Element {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(element) = self.found(selector) {
                return element;
            }
            assert!(
                Instant::now() < end,
                "nothing is {selector} on: {}",
                self.page_text()
            );
            std::thread::park_timeout(LOOK_INTERVAL);
        }
    }

    /// Has the browser stand in a time zone, which it is told by its name.
    ///
    /// # Panics
    ///
    /// When there is no such zone.
    pub fn stand_in(&self, zone: &str) {
        self.developer("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone }));
    }

    /// Says whether a CSS selector finds anything.
    pub fn has(&self, selector: &str) -> bool {
        self.found(selector).is_some()
    }

    /// Waits until the text that a selector finds contains some words, and returns it.
    ///
    /// # Panics
    ///
    /// When it does not in good time.
    pub fn wait_for_text(&self, selector: &str, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let script =
                "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''";
            let shown = self.run(script, &json!([selector]));
            let shown = shown.as_str().unwrap_or_default();
            if shown.contains(words) {
                return shown.to_owned();
            }
            assert!(
                Instant::now() < end,
                "{selector} does not say {words}: {}",
                self.page_text()
            );
            std::thread::park_timeout(LOOK_INTERVAL);
        }
    }

    /// Waits until what a script returns is as it should be.
    ///
    /// # Panics
    ///
    /// When it is not in good time.
    pub fn wait_until(&self, script: &str, is_right: impl Fn(&Value) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.run(script, &json!([]));
            if is_right(&found) {
                return;
            }
            assert!(Instant::now() < end, "{script} gives {found}");
            std::thread::park_timeout(LOOK_INTERVAL);
        }
    }

    /// Clicks an element, in the middle of the window where the page can be scrolled.
    pub fn click(&self, selector: &str) {
        let Element(id) = self.find(selector);
        let script =
            "document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})";
        self.run(script, &json!([selector]));
        self.ask("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Clicks what sends a form or leads elsewhere, and waits for the page that comes of it: going on before would take it back.
    pub fn send(&self, selector: &str) {
        self.run("window.isBefore = true", &json!([]));
        self.click(selector);
        let came = "return window.isBefore === undefined && document.readyState === 'complete'";
        self.wait_until(came, |came| came.as_bool() == Some(true));
    }

    /// Clicks the first link or button that says exactly these words, and waits for the page that comes of it.
    ///
    /// # Panics
    ///
    /// When none says so: the text of the page is shown.
    pub fn press(&self, words: &str) {
        let script = "for (const found of document.querySelectorAll('[data-pressed]')) delete found.dataset.pressed;
            const shown = [...document.querySelectorAll('a, button, summary')].filter(found => found.checkVisibility());
            const found = shown.find(found => found.innerText.trim() === arguments[0]);
            if (found) found.dataset.pressed = '';
            return Boolean(found)";
        let is_found = self.run(script, &json!([words]));
        assert_eq!(
            is_found,
            Value::Bool(true),
            "nothing says {words} on: {}",
            self.page_text()
        );
        self.send("[data-pressed]");
    }

    /// Fills in the field that has this label: types into it, chooses what a list shows, or ticks a box.
    ///
    /// # Panics
    ///
    /// When no field has it: the text of the page is shown.
    pub fn fill_in(&self, label: &str, value: &str) {
        let script = "for (const found of document.querySelectorAll('[data-filled]')) delete found.dataset.filled;
            const label = [...document.querySelectorAll('label')].find(label => label.innerText.trim() === arguments[0]);
            if (!label || !label.control) return null;
            label.control.dataset.filled = '';
            return label.control.type";
        let kind = self.run(script, &json!([label]));
        match kind.as_str() {
            Some("select-one") => self.choose("[data-filled]", value),
            Some("checkbox" | "radio") => self.click("[data-filled]"),
            Some(_) => self.fill("[data-filled]", value),
            None => assert!(kind.is_string(), "no field is {label} on: {}", self.page_text()),
        }
    }

    /// Types into a field, in the place of what stands there.
    pub fn fill(&self, selector: &str, value: &str) {
        let Element(id) = self.find(selector);
        self.ask("POST", &format!("/element/{id}/clear"), &json!({}));
        self.ask("POST", &format!("/element/{id}/value"), &json!({ "text": value }));
    }

    /// Chooses a file.
    pub fn attach(&self, selector: &str, file: &Path) {
        let Element(id) = self.find(selector);
        let path = json!({ "text": file.display().to_string() });
        self.ask("POST", &format!("/element/{id}/value"), &path);
    }

    /// Chooses what a list shows as `label`.
    ///
    /// # Panics
    ///
    /// When the list has no such choice.
    pub fn choose(&self, selector: &str, label: &str) {
        self.find(selector);
        let script = "const list = document.querySelector(arguments[0]);
            const choice = [...list.options].find(option => option.label === arguments[1]);
            if (choice) { list.value = choice.value; list.dispatchEvent(new Event('change', {bubbles: true})); }
            return Boolean(choice)";
        let chosen = self.run(script, &json!([selector, label]));
        assert_eq!(chosen, Value::Bool(true), "{selector} has no {label}");
    }

    /// What stands in a field, or what a list shows.
    pub fn value(&self, selector: &str) -> String {
        self.find(selector);
        let script = "const field = document.querySelector(arguments[0]);
            return field.selectedOptions ? field.selectedOptions[0].label : field.value";
        text(&self.run(script, &json!([selector])), "")
    }

    /// Runs a script with arguments and gives what it returns.
    pub fn run(&self, script: &str, arguments: &Value) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// Runs a script, the last of whose arguments takes what it gives in the end.
    pub fn run_and_wait(&self, script: &str, arguments: &Value) -> Value {
        self.ask(
            "POST",
            "/execute/async",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// What a person reads on the page.
    pub fn page_text(&self) -> String {
        text(&self.run("return document.body.innerText", &json!([])), "")
    }

    /// Looks at pages in this way from here on.
    pub fn look(&self, view: View) {
        let (width, height) = view.size();
        let scheme = if view.is_dark() { "dark" } else { "light" };
        self.resize(width, u64::from(height));
        self.developer(
            "Emulation.setEmulatedMedia",
            &json!({
                "features": [{"name": "prefers-color-scheme", "value": scheme}],
            }),
        );
    }

    /// Looks at pages in this way, where it is a phone's on the narrowest screen.
    pub fn look_at_the_limit(&self, view: View) {
        self.look(view);
        if matches!(view, View::Narrow | View::NarrowDark) {
            self.resize(NARROWEST.0, NARROWEST.1);
        }
    }

    /// What the console of the browser has told of errors since it was asked last.
    pub fn console_errors(&self) -> Vec<String> {
        let told = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let lines = told.as_array().into_iter().flatten();
        lines.map(|line| text(line, "/message")).collect()
    }

    fn resize(&self, width: u32, height: u64) {
        self.developer(
            "Emulation.setDeviceMetricsOverride",
            &json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
            }),
        );
    }

    /// Puts a picture of the whole page, as it is looked at in a view, into a PNG file.
    ///
    /// # Panics
    ///
    /// When it cannot be taken or written.
    pub fn picture(&self, view: View, file: &Path) {
        self.look(view);
        // A window as high as the page: what keeps to the edge of the window covers nothing of it.
        let height = self.run("return document.documentElement.scrollHeight", &json!([]));
        self.resize(view.size().0, height.as_u64().unwrap_or_default());
        let answer = self.developer("Page.captureScreenshot", &json!({}));
        self.look(view);
        let octets = STANDARD
            .decode(text(&answer, "/data"))
            .expect("a picture is base64");
        std::fs::write(file, octets).expect("the picture can be written");
    }

    /// Takes pictures of the page that is open in every view, where the environment (`OYEZ_PICTURES`) names a folder for them.
    ///
    /// # Panics
    ///
    /// When they cannot be taken or written.
    pub fn pictures(&self, name: &str) {
        let Some(folder) = std::env::var_os(PICTURES).map(PathBuf::from) else {
            return;
        };
        std::fs::create_dir_all(&folder).expect("the folder of the pictures can be made");
        for (view, suffix) in View::ALL {
            self.picture(view, &folder.join(format!("{name}-{suffix}.png")));
        }
        self.look(View::Wide);
    }

    /// Sees that the page which is open is as wide as the narrowest screen and no wider.
    ///
    /// # Panics
    ///
    /// When it is wider: its path is shown.
    pub fn assert_fits_a_phone(&self) {
        self.look(View::Narrow);
        self.resize(NARROWEST.0, NARROWEST.1);
        let overflow = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        let is_too_wide = self.run(overflow, &json!([]));
        let path = self.run("return location.pathname", &json!([]));
        assert_eq!(is_too_wide, json!(false), "{path} is wider than a phone");
        self.look(View::Wide);
    }

    fn found(&self, selector: &str) -> Option<Element> {
        let question = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/elements", &question);
        let id = found.pointer("/0")?.get(ELEMENT)?.as_str()?;
        Some(Element(id.to_owned()))
    }

    fn developer(&self, command: &str, parameters: &Value) -> Value {
        self.ask(
            "POST",
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        call(
            self.port,
            method,
            &format!("/session/{}{path}", self.session),
            body,
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is a grandchild; the driver ends it when it is told to, also after a test that failed.
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\n\r\n",
            self.session, self.port
        );
        let _is_ended = exchange(self.port, &request).is_ok();
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// One request to the driver, on a connection of its own; gives the value of the answer.
#[expect(clippy::panic, reason = "a browser that does not do its part fails the test")]
fn call(port: u16, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    write!(
        request,
        "Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("a string can be written");
    let answer = exchange(port, &request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let (head, body) = answer;
    let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    assert!(
        head.starts_with("http/1.1 200"),
        "{method} {path}: {}",
        text(&value, "/value/message")
    );
    value.get("value").cloned().unwrap_or(Value::Null)
}

/// Head and body of the answer. The driver keeps the connection open, whatever it is asked.
fn exchange(port: u16, request: &str) -> std::io::Result<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((head, body))
}
