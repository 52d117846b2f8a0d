//! Both directions against libsrtp2, an implementation that is not ours, where it is installed.
//!
//! The library is loaded at run time, so nothing is needed to build this. It is skipped with a line on standard
//! error where the library is missing, and fails instead if `OYEZ_REQUIRE_PEERS` is 1.

#![expect(unsafe_code, reason = "the peer is a C library")]

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libloading::{Library, Symbol};
use media::rtp::Header;
use media::srtp::{Context, MasterKey, SrtpError, Suite};

const LIBRARY: &str = "libsrtp2.so.1";
const OK: c_int = 0;
const REPLAY_FAIL: c_int = 9;
const AUTH_FAIL: c_int = 7;
const SSRC_ANY_INBOUND: c_uint = 2;
const SSRC_ANY_OUTBOUND: c_uint = 3;
/// Room that libsrtp may write behind a packet (SRTP_MAX_TRAILER_LEN).
const TRAILER_LENGTH_MAX: usize = 144;

const PACKETS: u16 = 1_500;
const FIRST_SEQUENCE: u16 = 65_000;

#[test]
fn rtp_is_byte_identical_in_all_suites_across_a_rollover() {
    let Some(peer) = Peer::loaded() else { return };
    for suite in Suite::ALL {
        let key = key(suite);
        let (mut ours, theirs) = (Context::new(&key), Session::new(&peer, &key, SSRC_ANY_OUTBOUND));
        let (mut our_receiver, their_receiver) =
            (Context::new(&key), Session::new(&peer, &key, SSRC_ANY_INBOUND));
        for count in 0..PACKETS {
            let plain = rtp(FIRST_SEQUENCE.wrapping_add(count), usize::from(count % 321));
            let mut sealed = plain.clone();
            ours.protect_rtp(&mut sealed).unwrap();

            assert_eq!(
                theirs.protect(&plain),
                Ok(sealed.clone()),
                "{suite:?} packet {count}"
            );
            assert_eq!(
                their_receiver.unprotect(&sealed),
                Ok(plain.clone()),
                "{suite:?} packet {count}"
            );
            let length = our_receiver.unprotect_rtp(&mut sealed).unwrap();
            assert_eq!(sealed[..length], plain);
        }
    }
}

#[test]
fn packets_out_of_order_around_a_rollover_are_read_by_both() {
    let Some(peer) = Peer::loaded() else { return };
    for suite in Suite::ALL {
        let key = key(suite);
        let theirs = Session::new(&peer, &key, SSRC_ANY_OUTBOUND);
        let their_receiver = Session::new(&peer, &key, SSRC_ANY_INBOUND);
        let mut our_receiver = Context::new(&key);
        let mut packets: Vec<Vec<u8>> = (0..100)
            .map(|count| theirs.protect(&rtp(65_486_u16.wrapping_add(count), 160)).unwrap())
            .collect();
        for group in packets.chunks_mut(7) {
            group.reverse();
        }
        for packet in &packets {
            let plain = their_receiver.unprotect(packet).unwrap();
            let mut packet = packet.clone();
            let length = our_receiver.unprotect_rtp(&mut packet).unwrap();
            assert_eq!(packet[..length], plain);
        }
        let mut replayed = packets[50].clone();
        assert_eq!(their_receiver.unprotect(&replayed), Err(REPLAY_FAIL));
        assert_eq!(
            our_receiver.unprotect_rtp(&mut replayed),
            Err(SrtpError::Replayed)
        );
    }
}

#[test]
fn rtcp_of_each_is_read_by_the_other_in_all_suites() {
    let Some(peer) = Peer::loaded() else { return };
    for suite in Suite::ALL {
        let key = key(suite);
        let (mut ours, theirs) = (Context::new(&key), Session::new(&peer, &key, SSRC_ANY_OUTBOUND));
        let (mut our_receiver, their_receiver) =
            (Context::new(&key), Session::new(&peer, &key, SSRC_ANY_INBOUND));
        for count in 0..300_usize {
            let plain = rtcp(count % 50);
            let mut sealed = plain.clone();
            ours.protect_rtcp(&mut sealed).unwrap();
            assert_eq!(
                their_receiver.unprotect_rtcp(&sealed),
                Ok(plain.clone()),
                "{suite:?} packet {count}"
            );

            let mut sealed = theirs.protect_rtcp(&plain).unwrap();
            let length = our_receiver.unprotect_rtcp(&mut sealed).unwrap();
            assert_eq!(sealed[..length], plain, "{suite:?} packet {count}");
        }
    }
}

#[test]
fn the_peer_notices_what_we_notice() {
    let Some(peer) = Peer::loaded() else { return };
    for suite in Suite::ALL {
        let key = key(suite);
        let mut sealed = rtp(1, 160);
        Context::new(&key).protect_rtp(&mut sealed).unwrap();
        for position in (0..sealed.len()).step_by(5) {
            let mut tampered = sealed.clone();
            tampered[position] ^= 0x10;
            assert!(
                Session::new(&peer, &key, SSRC_ANY_INBOUND)
                    .unprotect(&tampered)
                    .is_err()
            );
            assert!(Context::new(&key).unprotect_rtp(&mut tampered).is_err());
        }
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert_eq!(
            Session::new(&peer, &key, SSRC_ANY_INBOUND).unprotect(&sealed),
            Err(AUTH_FAIL)
        );
    }
}

fn key(suite: Suite) -> MasterKey {
    let octets: Vec<u8> = (3..).take(suite.key_length() + suite.salt_length()).collect();
    MasterKey::new(suite, &octets).expect("the length is the suite's")
}

fn rtp(sequence: u16, payload_length: usize) -> Vec<u8> {
    let header = Header {
        marker: sequence.is_multiple_of(50),
        payload_type: 8,
        sequence,
        timestamp: 77,
        ssrc: 0xcafe_f00d,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.extend((0..=250).cycle().take(payload_length));
    packet
}

fn rtcp(words: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 0xca, 0xfe, 0xf0, 0x0d];
    packet.resize(packet.len() + 4 * words, 0x3c);
    packet
}

/// `srtp_crypto_policy_t` of libsrtp 2.x.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CryptoPolicy {
    cipher_type: c_uint,
    cipher_key_length: c_int,
    authentication_type: c_uint,
    authentication_key_length: c_int,
    authentication_tag_length: c_int,
    services: c_uint,
}

/// `srtp_policy_t` of libsrtp 2.x.
#[repr(C)]
struct Policy {
    ssrc_type: c_uint,
    ssrc_value: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut c_void,
    key_count: c_ulong,
    deprecated_ekt: *mut c_void,
    window_size: c_ulong,
    allow_repeat_transmission: c_int,
    encrypted_extensions: *mut c_int,
    encrypted_extension_count: c_int,
    next: *mut Policy,
}

type Crypt = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

/// The library, initialised. One test at a time uses it, since its documentation promises nothing for threads.
struct Peer {
    library: Library,
}

impl Peer {
    fn loaded() -> Option<MutexGuard<'static, Peer>> {
        static PEER: OnceLock<Option<Mutex<Peer>>> = OnceLock::new();
        let Some(peer) = PEER.get_or_init(|| Peer::load().map(Mutex::new)) else {
            peers::skip(&format!("{LIBRARY} is missing; `cargo xtask peers` installs it"));
            return None;
        };
        Some(peer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn load() -> Option<Self> {
        // SAFETY: libsrtp2 has no initialisation routines with side effects on this program.
        let library = unsafe { Library::new(LIBRARY) }.ok()?;
        let peer = Self { library };
        // SAFETY: `srtp_err_status_t srtp_init(void)`, called once.
        let status = unsafe { peer.function::<unsafe extern "C" fn() -> c_int>(b"srtp_init")() };
        assert_eq!(status, OK);
        Some(peer)
    }

    /// # Safety
    /// `F` must be the function's type in C.
    unsafe fn function<F>(&self, name: &[u8]) -> Symbol<'_, F> {
        // SAFETY: promised by the caller.
        unsafe { self.library.get(name) }.expect("libsrtp 2.x exports the function")
    }

    fn crypto_policy(&self, setter: &[u8]) -> CryptoPolicy {
        let mut policy = CryptoPolicy::default();
        // SAFETY: all these setters are `void f(srtp_crypto_policy_t *)` and fill in the fields.
        unsafe { self.function::<unsafe extern "C" fn(*mut CryptoPolicy)>(setter)(&raw mut policy) };
        policy
    }
}

/// One direction of libsrtp2.
struct Session<'a> {
    peer: &'a Peer,
    handle: *mut c_void,
}

impl<'a> Session<'a> {
    fn new(peer: &'a Peer, key: &MasterKey, direction: c_uint) -> Self {
        // RTCP has 80-bit tags even where RTP has 32 (RFC 4568 section 6.2).
        let (rtp, rtcp): (&[u8], &[u8]) = match key.suite() {
            Suite::AesCm128HmacSha1_80 => (
                b"srtp_crypto_policy_set_rtp_default",
                b"srtp_crypto_policy_set_rtcp_default",
            ),
            Suite::AesCm128HmacSha1_32 => (
                b"srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32",
                b"srtp_crypto_policy_set_rtcp_default",
            ),
            Suite::AesCm256HmacSha1_80 => (
                b"srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80",
                b"srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80",
            ),
            Suite::AesCm256HmacSha1_32 => (
                b"srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32",
                b"srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80",
            ),
            Suite::AeadAes128Gcm => (
                b"srtp_crypto_policy_set_aes_gcm_128_16_auth",
                b"srtp_crypto_policy_set_aes_gcm_128_16_auth",
            ),
            Suite::AeadAes256Gcm => (
                b"srtp_crypto_policy_set_aes_gcm_256_16_auth",
                b"srtp_crypto_policy_set_aes_gcm_256_16_auth",
            ),
        };
        let mut octets = key.key_and_salt().to_vec();
        let policy = Policy {
            ssrc_type: direction,
            ssrc_value: 0,
            rtp: peer.crypto_policy(rtp),
            rtcp: peer.crypto_policy(rtcp),
            key: octets.as_mut_ptr(),
            keys: ptr::null_mut(),
            key_count: 0,
            deprecated_ekt: ptr::null_mut(),
            window_size: 128,
            allow_repeat_transmission: 0,
            encrypted_extensions: ptr::null_mut(),
            encrypted_extension_count: 0,
            next: ptr::null_mut(),
        };
        let mut handle = ptr::null_mut();
        // SAFETY: `srtp_err_status_t srtp_create(srtp_t *, const srtp_policy_t *)`; it copies policy and key.
        let status = unsafe {
            peer.function::<unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int>(b"srtp_create")(
                &raw mut handle,
                &raw const policy,
            )
        };
        assert_eq!(status, OK, "{:?}", key.suite());
        Self { peer, handle }
    }

    fn protect(&self, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        self.apply(b"srtp_protect", packet)
    }

    fn unprotect(&self, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        self.apply(b"srtp_unprotect", packet)
    }

    fn protect_rtcp(&self, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        self.apply(b"srtp_protect_rtcp", packet)
    }

    fn unprotect_rtcp(&self, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        self.apply(b"srtp_unprotect_rtcp", packet)
    }

    fn apply(&self, function: &[u8], packet: &[u8]) -> Result<Vec<u8>, c_int> {
        // libsrtp reads header words, so the buffer is aligned to them.
        let mut words = vec![0_u32; (packet.len() + TRAILER_LENGTH_MAX).div_ceil(4)];
        let start = words.as_mut_ptr().cast::<u8>();
        let mut length = c_int::try_from(packet.len()).expect("packets are short");
        // SAFETY: the buffer holds the packet and the longest trailer; all four functions have the type `Crypt`; the
        // octets read back lie within the buffer.
        unsafe {
            ptr::copy_nonoverlapping(packet.as_ptr(), start, packet.len());
            match self.peer.function::<Crypt>(function)(self.handle, start.cast(), &raw mut length) {
                OK => {
                    let length = usize::try_from(length).expect("lengths are positive");
                    assert!(length <= packet.len() + TRAILER_LENGTH_MAX);
                    Ok(std::slice::from_raw_parts(start, length).to_vec())
                }
                status => Err(status),
            }
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: `srtp_err_status_t srtp_dealloc(srtp_t)`, once per handle.
        unsafe {
            self.peer
                .function::<unsafe extern "C" fn(*mut c_void) -> c_int>(b"srtp_dealloc")(
                self.handle
            );
        }
    }
}
