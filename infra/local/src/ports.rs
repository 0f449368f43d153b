//! Free ports on the loopback address.

use std::net::Ipv4Addr;
use std::net::TcpListener;

use crate::emulator::EmulatorOptions;
use crate::error::Error;

/// The two ports of an emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// All of AWS over HTTP.
    pub gateway: u16,
    /// MQTT with mutual TLS.
    pub mqtt: u16,
}

impl Ports {
    /// Whether somebody listens on one of them by now.
    pub(crate) fn are_taken(self) -> bool {
        choose(Some(self.gateway), Some(self.mqtt)).is_err()
    }
}

/// The ports that were asked for if they are free, and free ones where none was asked for.
pub fn choose(gateway: Option<u16>, mqtt: Option<u16>) -> Result<Ports, Error> {
    // Held until both are known, or the second could be the first again.
    let gateway = hold(gateway)?;
    let mqtt = hold(mqtt)?;
    Ok(Ports {
        gateway: number(&gateway)?,
        mqtt: number(&mqtt)?,
    })
}

/// Refuses ports that are taken, before anything takes its time.
pub fn check(options: EmulatorOptions) -> Result<(), Error> {
    choose(options.port, options.mqtt_port).map(drop)
}

fn hold(asked: Option<u16>) -> Result<TcpListener, Error> {
    let port = asked.unwrap_or(0);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match asked {
        Some(port) if error.kind() == std::io::ErrorKind::AddrInUse => Error::PortTaken(port),
        Some(_) | None => Error::Emulator(format!("port {port} cannot be used: {error}")),
    })
}

fn number(listener: &TcpListener) -> Result<u16, Error> {
    let address = listener.local_addr();
    let address = address.map_err(|error| Error::Emulator(error.to_string()))?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports = choose(None, None).unwrap();
        assert_ne!(ports.gateway, ports.mqtt);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, ports.gateway)).is_ok());
    }

    #[test]
    fn a_taken_port_is_named() {
        let taken = hold(None).unwrap();
        let port = number(&taken).unwrap();
        let refusal = choose(None, Some(port)).unwrap_err().to_string();
        assert!(
            refusal.starts_with(&format!("port {port} is taken")),
            "{refusal}"
        );
    }

    #[test]
    fn one_port_cannot_serve_both() {
        let free = choose(None, None).unwrap().gateway;
        assert!(choose(Some(free), Some(free)).is_err());
    }
}
