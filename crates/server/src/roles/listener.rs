//! Takes the address, and says what to do where it cannot be had.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "the address {address} is taken by another program, perhaps by another event-horizon.\nStop that one, or choose \
             another port: event-horizon --bind {}:0 takes a free one",
            host(address)
        ),
        ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("this computer has no address {}.\nChoose one that it has with --bind (or EH_BIND)", host(address))
        }
        ErrorKind::PermissionDenied => {
            anyhow::anyhow!("the port {} is not for this user.\nChoose one from 1024 on with --bind (or EH_BIND)", address.port())
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
    })
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_comes_with_a_way_out() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let refused = bind(address).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "the address {address} is taken by another program, perhaps by another event-horizon.\nStop that one, or \
                 choose another port: event-horizon --bind 127.0.0.1:0 takes a free one"
            )
        );
    }
}
