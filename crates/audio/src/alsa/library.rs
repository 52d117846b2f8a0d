//! `libasound.so.2` as far as it is used, opened at run time: the program builds and starts where there is none.
#![expect(
    unsafe_code,
    reason = "the library speaks C: this module is the border, and what leaves it is safe"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::time::Duration;

use libloading::Library;

/// Name of the library with the version of its interface, which has been the same since 2001.
const LIBRARY: &str = "libasound.so.2";

const STREAM_PLAYBACK: c_int = 0;
const STREAM_CAPTURE: c_int = 1;
const MODE_NONBLOCK: c_int = 1;
const FORMAT_S16: c_int = if cfg!(target_endian = "little") { 2 } else { 3 };
const ACCESS_INTERLEAVED: c_int = 3;

type Handle = *mut c_void;
type ErrorHandler = extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char, *mut c_void);

/// The functions, and the library that they stand in, which is never closed.
struct Functions {
    open: unsafe extern "C" fn(*mut Handle, *const c_char, c_int, c_int) -> c_int,
    set_params: unsafe extern "C" fn(Handle, c_int, c_int, c_uint, c_uint, c_int, c_uint) -> c_int,
    writei: unsafe extern "C" fn(Handle, *const c_void, c_ulong) -> c_long,
    readi: unsafe extern "C" fn(Handle, *mut c_void, c_ulong) -> c_long,
    start: unsafe extern "C" fn(Handle) -> c_int,
    wait: unsafe extern "C" fn(Handle, c_int) -> c_int,
    recover: unsafe extern "C" fn(Handle, c_int, c_int) -> c_int,
    nonblock: unsafe extern "C" fn(Handle, c_int) -> c_int,
    drain: unsafe extern "C" fn(Handle) -> c_int,
    close: unsafe extern "C" fn(Handle) -> c_int,
    strerror: unsafe extern "C" fn(c_int) -> *const c_char,
    set_error_handler: unsafe extern "C" fn(ErrorHandler) -> *mut c_void,
    _library: Library,
}

impl Functions {
    fn load() -> Result<Self, libloading::Error> {
        // SAFETY: what libasound does when it is loaded and unloaded asks nothing of the program.
        let library = unsafe { Library::new(LIBRARY) }?;
        // SAFETY: each name has this type in `alsa/pcm.h` and `alsa/error.h`; the library is kept beside the pointers.
        unsafe {
            Ok(Self {
                open: *library.get("snd_pcm_open")?,
                set_params: *library.get("snd_pcm_set_params")?,
                writei: *library.get("snd_pcm_writei")?,
                readi: *library.get("snd_pcm_readi")?,
                start: *library.get("snd_pcm_start")?,
                wait: *library.get("snd_pcm_wait")?,
                recover: *library.get("snd_pcm_recover")?,
                nonblock: *library.get("snd_pcm_nonblock")?,
                drain: *library.get("snd_pcm_drain")?,
                close: *library.get("snd_pcm_close")?,
                strerror: *library.get("snd_strerror")?,
                set_error_handler: *library.get("snd_lib_error_set_local")?,
                _library: library,
            })
        }
    }
}

static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// Loads the library at the first call that finds it: one that is installed later is found without a restart.
fn functions() -> Result<&'static Functions, libloading::Error> {
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(functions);
    }
    let loaded = Functions::load()?;
    Ok(FUNCTIONS.get_or_init(|| loaded))
}

/// The library would print each error: the one that counts is returned and reported.
extern "C" fn keep_quiet(
    _file: *const c_char,
    _line: c_int,
    _function: *const c_char,
    _code: c_int,
    _format: *const c_char,
    _arguments: *mut c_void,
) {
}

/// Why there is no output.
pub(super) enum OpenError {
    /// The library is not there, or not whole.
    Library(libloading::Error),
    /// It refuses the device.
    Device(Refusal),
}

/// What the library said.
pub(super) struct Refusal {
    code: c_int,
    text: String,
}

impl Refusal {
    fn new(functions: &Functions, code: c_int) -> Self {
        // SAFETY: any number may be asked for; what comes back is a C string or null.
        let text = unsafe { (functions.strerror)(code) };
        let text = if text.is_null() {
            format!("error {code}")
        } else {
            // SAFETY: it is not null, and the string is constant or is the calling thread's until it asks again.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Self { code, text }
    }

    /// No room in the buffer.
    pub(super) fn is_full(&self) -> bool {
        self.code == -libc::EAGAIN
    }

    /// The buffer ran empty.
    pub(super) fn is_underrun(&self) -> bool {
        self.code == -libc::EPIPE
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}

/// An open output. Dropping it closes it; what it has not yet played is lost then.
pub(super) struct Output {
    functions: &'static Functions,
    handle: NonNull<c_void>,
    channels: u16,
}

// SAFETY: a handle may be used by any thread, by one at a time: methods that touch its state take `&mut self`, and there is
// no second copy of it.
unsafe impl Send for Output {}

impl Output {
    /// Opens a device, without waiting for one that is busy, for frames of `channels` samples.
    pub(super) fn open(
        device: &CString,
        channels: u16,
        rate: u32,
        latency: Duration,
    ) -> Result<Self, OpenError> {
        Self::open_stream(device, STREAM_PLAYBACK, channels, rate, latency)
    }

    fn open_stream(
        device: &CString,
        stream: c_int,
        channels: u16,
        rate: u32,
        latency: Duration,
    ) -> Result<Self, OpenError> {
        let functions = functions().map_err(OpenError::Library)?;
        let refused = |code| OpenError::Device(Refusal::new(functions, code));
        // SAFETY: the handler is a function of the library's type (its `va_list` is passed as a pointer) that reads nothing.
        unsafe { (functions.set_error_handler)(keep_quiet) };
        let mut handle: Handle = ptr::null_mut();
        // SAFETY: the place for the handle and the name outlive the call.
        let code = unsafe { (functions.open)(&raw mut handle, device.as_ptr(), stream, MODE_NONBLOCK) };
        if code < 0 {
            return Err(refused(code));
        }
        let output = Self {
            functions,
            handle: NonNull::new(handle).ok_or_else(|| refused(-libc::ENODEV))?,
            channels,
        };
        let latency = c_uint::try_from(latency.as_micros()).unwrap_or(c_uint::MAX);
        // SAFETY: the handle is open.
        let code = unsafe {
            (functions.set_params)(
                handle,
                FORMAT_S16,
                ACCESS_INTERLEAVED,
                c_uint::from(channels),
                rate,
                1,
                latency,
            )
        };
        if code < 0 {
            return Err(refused(code));
        }
        Ok(output)
    }

    /// Samples of a frame.
    pub(super) fn channels(&self) -> u16 {
        self.channels
    }

    /// Takes as many whole frames as there is room for; gives their number.
    pub(super) fn write(&mut self, samples: &[i16]) -> Result<usize, Refusal> {
        let frames = samples.len() / usize::from(self.channels);
        let frames = c_ulong::try_from(frames).unwrap_or(c_ulong::MAX);
        // SAFETY: the handle is open, and `samples` holds that many frames of 16 bit samples, as it was set to take.
        let taken = unsafe { (self.functions.writei)(self.handle.as_ptr(), samples.as_ptr().cast(), frames) };
        usize::try_from(taken).map_err(|_| self.refusal(c_int::try_from(taken).unwrap_or(c_int::MIN)))
    }

    /// Waits until there is room; says whether there is.
    pub(super) fn wait(&mut self, at_most: Duration) -> Result<bool, Refusal> {
        let milliseconds = c_int::try_from(at_most.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the handle is open.
        let code = unsafe { (self.functions.wait)(self.handle.as_ptr(), milliseconds) };
        self.outcome(code).map(|()| code > 0)
    }

    /// Makes it ready again after an underrun or while the machine was suspended.
    pub(super) fn recover(&mut self, from: &Refusal) -> Result<(), Refusal> {
        // SAFETY: the handle is open.
        let code = unsafe { (self.functions.recover)(self.handle.as_ptr(), from.code, 1) };
        self.outcome(code)
    }

    /// Waits until everything has been played.
    pub(super) fn drain(&mut self) -> Result<(), Refusal> {
        // SAFETY: the handle is open.
        let code = unsafe { (self.functions.nonblock)(self.handle.as_ptr(), 0) };
        self.outcome(code)?;
        // SAFETY: the handle is open.
        let code = unsafe { (self.functions.drain)(self.handle.as_ptr()) };
        self.outcome(code)
    }

    fn outcome(&self, code: c_int) -> Result<(), Refusal> {
        if code < 0 { Err(self.refusal(code)) } else { Ok(()) }
    }

    fn refusal(&self, code: c_int) -> Refusal {
        Refusal::new(self.functions, code)
    }
}

/// An open input. Dropping it closes it.
pub(super) struct Input(Output);

impl Input {
    /// Opens a device, without waiting for one that is busy, and begins to listen.
    pub(super) fn open(
        device: &CString,
        channels: u16,
        rate: u32,
        latency: Duration,
    ) -> Result<Self, OpenError> {
        let stream = Output::open_stream(device, STREAM_CAPTURE, channels, rate, latency)?;
        let mut input = Self(stream);
        input.start().map_err(OpenError::Device)?;
        Ok(input)
    }

    /// Samples of a frame.
    pub(super) fn channels(&self) -> u16 {
        self.0.channels
    }

    /// Takes as many whole frames as there are and have room; gives their number.
    pub(super) fn read(&mut self, samples: &mut [i16]) -> Result<usize, Refusal> {
        let stream = &self.0;
        let frames = samples.len() / usize::from(stream.channels);
        let frames = c_ulong::try_from(frames).unwrap_or(c_ulong::MAX);
        // SAFETY: the handle is open, and `samples` has room for that many frames of 16 bit samples, as it was set to give.
        let taken =
            unsafe { (stream.functions.readi)(stream.handle.as_ptr(), samples.as_mut_ptr().cast(), frames) };
        usize::try_from(taken).map_err(|_| stream.refusal(c_int::try_from(taken).unwrap_or(c_int::MIN)))
    }

    /// Waits until there is something to take; says whether there is.
    pub(super) fn wait(&mut self, at_most: Duration) -> Result<bool, Refusal> {
        self.0.wait(at_most)
    }

    /// Makes it ready again after an overrun or while the machine was suspended.
    pub(super) fn recover(&mut self, from: &Refusal) -> Result<(), Refusal> {
        self.0.recover(from)?;
        self.start()
    }

    fn start(&mut self) -> Result<(), Refusal> {
        // SAFETY: the handle is open.
        let code = unsafe { (self.0.functions.start)(self.0.handle.as_ptr()) };
        self.0.outcome(code)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: the handle is open and is not used again.
        let _code = unsafe { (self.functions.close)(self.handle.as_ptr()) };
    }
}
