//! What only the C library can say or do: interface addresses, the limit of open files, and datagrams with their local address.
#![expect(
    unsafe_code,
    reason = "these calls have no safe interface; this module is the only one that makes them"
)]

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// Addresses listed at most; a machine with more is a router, and the first ones will do.
const ADDRESSES_MAX: usize = 256;

/// Open files that a server of many connections needs; below it a warning is due.
pub const OPEN_FILES_WANTED: u64 = 250_000;

/// The addresses of this machine's interfaces that are up, loopback last, without IPv6 link-local ones
/// (they mean nothing without a scope).
///
/// # Errors
/// The system does not tell.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `list` is a valid place for a pointer; the call fills it or fails.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut entry = list;
    while !entry.is_null() && addresses.len() < ADDRESSES_MAX {
        // SAFETY: `entry` is a node of the list that getifaddrs made; the list is freed below, after the loop.
        let (flags, address, next) = unsafe { ((*entry).ifa_flags, (*entry).ifa_addr, (*entry).ifa_next) };
        if flags & (libc::IFF_UP as libc::c_uint) != 0 {
            // SAFETY: `ifa_addr` is null or points to a socket address of the family it names, alive
            // until freeifaddrs.
            addresses.extend(unsafe { ip_address(address) }.filter(is_usable));
        }
        entry = next;
    }
    // SAFETY: `list` came from getifaddrs and nothing of it is kept.
    unsafe { libc::freeifaddrs(list) };
    addresses.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
    addresses.dedup();
    Ok(addresses)
}

/// A network interface that can carry multicast.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interface {
    /// Its number in the kernel, which it keeps for as long as it is there.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
}

/// The interfaces that are up and have an IPv4 address, the loopback included.
pub(crate) fn ipv4_interfaces() -> io::Result<Vec<Interface>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `list` is a valid place for a pointer; the call fills it or fails.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces = Vec::new();
    let mut entry = list;
    while !entry.is_null() && interfaces.len() < ADDRESSES_MAX {
        // SAFETY: `entry` is a node of the list that getifaddrs made; the list is freed below, after the loop.
        let (flags, address, name, next) = unsafe {
            (
                (*entry).ifa_flags,
                (*entry).ifa_addr,
                (*entry).ifa_name,
                (*entry).ifa_next,
            )
        };
        entry = next;
        if flags & (libc::IFF_UP as libc::c_uint) == 0 {
            continue;
        }
        // SAFETY: `ifa_addr` is null or points to a socket address of the family it names, and `ifa_name` to a name
        // that ends with a zero, both alive until freeifaddrs.
        let (address, index, name) = unsafe {
            (
                ip_address(address),
                libc::if_nametoindex(name),
                std::ffi::CStr::from_ptr(name),
            )
        };
        if address.is_some_and(|address| address.is_ipv4()) && index != 0 {
            interfaces.push(Interface {
                index,
                name: name.to_string_lossy().into_owned(),
            });
        }
    }
    // SAFETY: `list` came from getifaddrs and nothing of it is kept.
    unsafe { libc::freeifaddrs(list) };
    interfaces.sort();
    interfaces.dedup();
    Ok(interfaces)
}

/// Reads an address.
///
/// # Safety
/// `address` is null or points to a socket address whose size fits its family.
unsafe fn ip_address(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every socket address begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a `sockaddr_in`; it may be unaligned for that type.
            let v4 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a `sockaddr_in6`; it may be unaligned for that type.
            let v6 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}

/// Longest name of a machine (POSIX `HOST_NAME_MAX` on Linux), with the zero behind it.
const HOST_NAME_LENGTH_MAX: usize = 65;

/// The name of this machine; empty if the system does not tell.
#[must_use]
pub fn host_name() -> String {
    let mut name = [0_u8; HOST_NAME_LENGTH_MAX];
    // SAFETY: the buffer has the length that is given, and the call writes no further.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0 {
        return String::new();
    }
    let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// The limit of open files of this process, before and after it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// The soft limit found.
    pub before: u64,
    /// The soft limit in force.
    pub in_force: u64,
}

impl OpenFiles {
    /// The warning to give at start, if the limit in force is below what `wanted` asks.
    #[must_use]
    pub fn warning(&self, wanted: u64) -> Option<String> {
        (self.in_force < wanted).then(|| {
            format!(
                "this process may open {} files, and each connection is one; {wanted} are wanted: raise LimitNOFILE",
                self.in_force
            )
        })
    }
}

/// Raises the soft limit of open files to the hard one, and warns when that is below `wanted`.
///
/// # Errors
/// The system does not tell or does not allow it.
pub fn raise_open_files(wanted: u64) -> io::Result<OpenFiles> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let before = limit.rlim_cur;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a complete value, and the soft limit is not above the hard one.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let found = OpenFiles {
        before,
        in_force: limit.rlim_cur,
    };
    if let Some(warning) = found.warning(wanted) {
        tracing::warn!("{warning}");
    }
    Ok(found)
}

/// Has all threads take memory from one heap; to be called before other threads are started.
///
/// The C library gives each thread a heap of its own, and grows all but the first by one page at a time: a system call for
/// every few messages of a busy server. It also gives memory back only from the end of each, so that several hold more.
pub fn use_one_heap() {
    // Other C libraries have one heap anyway.
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the call only sets a parameter of the allocator, and takes any value for it.
        let is_set = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) } == 1;
        if !is_set {
            tracing::debug!("the C library keeps a heap for each thread");
        }
    }
}

/// Has the kernel send multicast of an IPv4 socket by the interface of this number.
pub(crate) fn send_multicast_by(socket: &impl AsFd, interface: u32) -> io::Result<()> {
    let wanted = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: converted(interface),
    };
    let length = converted(size_of::<libc::ip_mreqn>());
    let descriptor = socket.as_fd().as_raw_fd();
    let value = (&raw const wanted).cast();
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option's value is the structure that
    // ip(7) names for it and lives through the call.
    let result =
        unsafe { libc::setsockopt(descriptor, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, value, length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the kernel tell with each datagram which local address it was sent to.
pub(crate) fn enable_packet_info(socket: &impl AsFd, is_ipv6: bool) -> io::Result<()> {
    let (level, option) = if is_ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    };
    let enabled: libc::c_int = 1;
    let length = converted(size_of::<libc::c_int>());
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option's value is an int that
    // lives through the call.
    let result = unsafe { libc::setsockopt(descriptor, level, option, (&raw const enabled).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A datagram as the kernel hands it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// Its length, which is that of the buffer where it was longer.
    pub(crate) length: usize,
    /// How many bytes of control messages came with it.
    pub(crate) control_length: usize,
    /// Its sender.
    pub(crate) remote: SocketAddr,
}

/// Receives one datagram with its control messages.
pub(crate) fn receive_message(
    socket: &impl AsFd,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<Received> {
    // SAFETY: both are plain C structures for which all zeros is a valid value.
    let (mut sender, mut message): (libc::sockaddr_storage, libc::msghdr) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let mut vector = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    message.msg_name = (&raw mut sender).cast();
    message.msg_namelen = converted(size_of::<libc::sockaddr_storage>());
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = converted(control.len());
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open as long as `socket` is borrowed; every pointer in `message` is to memory of
    // the length beside it that lives through the call and is borrowed by nothing else.
    let length = unsafe { libc::recvmsg(descriptor, &raw mut message, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: `sender` holds a socket address of the family it names, or zeros, which name none.
    let remote = unsafe { socket_address(&raw const sender) };
    Ok(Received {
        length,
        control_length: converted(message.msg_controllen),
        remote: remote
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a datagram without an IP sender"))?,
    })
}

/// C libraries do not agree on the types of these lengths; all of them hold the small values used here.
fn converted<Given, Wanted: TryFrom<Given> + Default>(length: Given) -> Wanted {
    Wanted::try_from(length).unwrap_or_default()
}

/// Reads an address with its port.
///
/// # Safety
/// `storage` points to a socket address whose size fits its family.
unsafe fn socket_address(storage: *const libc::sockaddr_storage) -> Option<SocketAddr> {
    // SAFETY: passed on from the caller.
    let address = unsafe { ip_address(storage.cast()) }?;
    let (port, scope) = match address {
        // SAFETY: the address was read as IPv4, so it is a `sockaddr_in`.
        IpAddr::V4(_) => (unsafe { (*storage.cast::<libc::sockaddr_in>()).sin_port }, 0),
        IpAddr::V6(_) => {
            // SAFETY: the address was read as IPv6, so it is a `sockaddr_in6`.
            let v6 = unsafe { ptr::read_unaligned(storage.cast::<libc::sockaddr_in6>()) };
            (v6.sin6_port, v6.sin6_scope_id)
        }
    };
    let port = u16::from_be(port);
    Some(match address {
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, scope).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_the_addresses_and_last_of_its_kind() {
        let addresses = local_addresses().unwrap();

        assert!(addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(addresses.is_sorted_by_key(IpAddr::is_loopback), "{addresses:?}");
    }

    #[test]
    fn t14_too_few_open_files_are_warned_of_and_enough_are_not() {
        let files = OpenFiles {
            before: 1_024,
            in_force: 20_000,
        };

        assert_eq!(files.warning(20_000), None);
        assert!(
            files
                .warning(20_001)
                .is_some_and(|warning| warning.contains("20000"))
        );
    }

    #[test]
    fn t14_the_soft_limit_is_raised_to_the_hard_one() {
        let first = raise_open_files(OPEN_FILES_WANTED).unwrap();
        let second = raise_open_files(OPEN_FILES_WANTED).unwrap();

        assert!(first.in_force >= first.before);
        assert_eq!(
            second,
            OpenFiles {
                before: first.in_force,
                in_force: first.in_force
            }
        );
    }
}
