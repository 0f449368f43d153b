//! The proof that the certificate works: mutual TLS to the broker, and a message there and back.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::AsyncClient;
use rumqttc::Broker;
use rumqttc::ConnectionError;
use rumqttc::Event;
use rumqttc::EventLoop;
use rumqttc::MqttOptions;
use rumqttc::NetworkOptions;
use rumqttc::Outgoing;
use rumqttc::Packet;
use rumqttc::PublishOptions;
use rumqttc::QoS;
use rumqttc::SubscribeReasonCode;
use rumqttc::Transport;
use tokio::time::Instant;

use crate::error::Error;
use crate::error::root_cause;
use crate::error::tls_cause;
use crate::install::CA_FILE;
use crate::install::CERTIFICATE_FILE;
use crate::install::Device;
use crate::install::KEY_FILE;
use crate::install::read_device;
use crate::resolve::is_localhost;

/// The port of MQTT over TLS.
pub const MQTT_PORT: u16 = 8883;
/// On this port AWS IoT tells MQTT from HTTPS by the protocol name (ALPN).
const HTTPS_PORT: u16 = 443;
const HTTPS_PORT_PROTOCOL: &[u8] = b"x-amzn-mqtt-ca";

/// What to connect with, and where to.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// The install directory.
    pub dir: PathBuf,
    /// The broker's address, if it is not the endpoint in `device.json`.
    pub host: Option<String>,
    /// The broker's port.
    pub port: u16,
    /// The name in the broker's certificate, if it is not the broker's address.
    pub server_name: Option<String>,
    /// The roots to trust in PEM form, if not those in `ca.pem`.
    pub ca_pem: Option<String>,
    /// How long all of it may take.
    pub timeout: Duration,
}

impl ConnectConfig {
    /// The usual settings: everything from the install directory, 20 seconds.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            host: None,
            port: MQTT_PORT,
            server_name: None,
            ca_pem: None,
            timeout: Duration::from_secs(20),
        }
    }
}

/// A connection that worked.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Who connected.
    pub device: Device,
    /// The broker's address.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// The topic that the message went through.
    pub topic: String,
    /// From the start of the connection to the broker's acceptance of it.
    pub connected_after: Duration,
    /// From the message's sending to its return.
    pub round_trip: Duration,
}

/// Connects as the installed device, sends itself one message, and disconnects.
pub async fn connect(config: &ConnectConfig) -> Result<Connected, Error> {
    let device = read_device(&config.dir)?.ok_or_else(|| not_installed(&config.dir))?;
    let host = config.host.as_deref();
    let host = host.unwrap_or_else(|| host_of(&device.endpoint)).to_owned();
    let topic = format!("dt/{}/cvm", device.thing_name);
    let options = options(config, &device, &host)?;
    let (client, events) = AsyncClient::builder(options).capacity(8).build();
    let mut session = Session {
        client,
        events,
        topic,
        payload: format!("{{\"certificateId\":\"{}\"}}", device.certificate_id),
        step: "accept the connection (is the certificate active, and does the policy allow iot:Connect as <thing>?)",
    };
    let talk = tokio::time::timeout(config.timeout, session.talk()).await;
    let talk = talk.unwrap_or_else(|_| {
        let step = session.step;
        Err(Error::later(format!("the broker did not {step} in time")))
    });
    let (connected_after, round_trip) = talk?;
    Ok(Connected {
        device,
        host,
        port: config.port,
        topic: session.topic,
        connected_after,
        round_trip,
    })
}

fn not_installed(dir: &Path) -> Error {
    let dir = dir.display();
    let rule = format!("no certificate is installed in {dir}: run `cvm-device vend` first");
    Error::Config(rule)
}

fn options(config: &ConnectConfig, device: &Device, host: &str) -> Result<MqttOptions, Error> {
    let read = |name: &str| {
        let path = config.dir.join(name);
        std::fs::read(&path).map_err(|error| Error::disk(&path, error))
    };
    let ca = match &config.ca_pem {
        Some(pem) => pem.clone().into_bytes(),
        None => read(CA_FILE)?,
    };
    let identity = (read(CERTIFICATE_FILE)?, read(KEY_FILE)?);
    let protocols = (config.port == HTTPS_PORT).then(|| vec![HTTPS_PORT_PROTOCOL.to_vec()]);
    let server_name = config.server_name.as_deref().unwrap_or(host);
    let broker = Broker::tcp(server_name, config.port);
    let mut options = MqttOptions::new(device.thing_name.as_str(), broker);
    options.set_transport(Transport::tls(ca, Some(identity), protocols));
    options.set_keep_alive(30);
    // The client checks the certificate against the broker's name; we may dial another address.
    let address = dial_address(host, config.port);
    options.set_socket_connector(move |_, network: NetworkOptions| {
        rumqttc::default_socket_connect(address.clone(), network)
    });
    Ok(options)
}

/// An endpoint is a host name on AWS; emulators add the port of their HTTP side.
fn host_of(endpoint: &str) -> &str {
    match endpoint.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        Some(_) | None => endpoint,
    }
}

fn dial_address(host: &str, port: u16) -> String {
    if is_localhost(host) {
        format!("127.0.0.1:{port}")
    } else if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

struct Session {
    client: AsyncClient,
    events: EventLoop,
    topic: String,
    payload: String,
    /// What the broker is being asked to do, for errors.
    step: &'static str,
}

impl Session {
    /// Returns how long the connection and how long the message took.
    async fn talk(&mut self) -> Result<(Duration, Duration), Error> {
        let started = Instant::now();
        self.until(|packet| matches!(packet, Packet::ConnAck(_)))
            .await?;
        let connected_after = started.elapsed();
        self.subscribe().await?;
        let sent = Instant::now();
        self.publish().await?;
        let round_trip = sent.elapsed();
        self.disconnect().await?;
        Ok((connected_after, round_trip))
    }

    async fn subscribe(&mut self) -> Result<(), Error> {
        self.step =
            "subscribe (does the policy allow iot:Subscribe and iot:Receive on dt/<thing>/cvm?)";
        let topic = self.topic.clone();
        let asked = self.client.subscribe(topic, QoS::AtLeastOnce).await;
        asked.map_err(|error| self.refused(root_cause(&error)))?;
        let packet = self.until(|packet| matches!(packet, Packet::SubAck(_)));
        if let Packet::SubAck(ack) = packet.await?
            && ack.return_codes.contains(&SubscribeReasonCode::Failure)
        {
            return Err(self.refused("the subscription was rejected"));
        }
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), Error> {
        self.step = "publish (does the policy allow iot:Publish on dt/<thing>/cvm?)";
        let (topic, payload) = (self.topic.clone(), self.payload.clone());
        let options = PublishOptions::new(QoS::AtLeastOnce);
        let asked = self.client.publish(topic, payload.clone(), options).await;
        asked.map_err(|error| self.refused(root_cause(&error)))?;
        let back = move |packet: &Packet| matches!(packet, Packet::Publish(message) if message.payload == payload);
        self.until(back).await.map(drop)
    }

    /// Waits for our acknowledgements to go out; a broker that hangs up first does no harm.
    async fn disconnect(&mut self) -> Result<(), Error> {
        self.step = "disconnect";
        let asked = self.client.disconnect().await;
        asked.map_err(|error| self.refused(root_cause(&error)))?;
        while let Ok(event) = self.events.poll().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                break;
            }
        }
        Ok(())
    }

    /// The next packet of that kind. The first error ends it: the event loop would reconnect.
    async fn until(&mut self, wanted: impl Fn(&Packet) -> bool) -> Result<Packet, Error> {
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(packet)) if wanted(&packet) => return Ok(packet),
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn refused(&self, cause: impl Into<String>) -> Error {
        Error::Broker {
            step: self.step,
            cause: cause.into(),
        }
    }

    fn failed(&self, error: &ConnectionError) -> Error {
        if let ConnectionError::ConnectionRefused(code) = error {
            return self.refused(format!("CONNACK {code:?}"));
        }
        match tls_cause(error) {
            Some(rustls::Error::AlertReceived(alert)) => {
                return self.refused(format!("TLS alert {alert:?}"));
            }
            Some(tls) => return Error::later(format!("the broker is not trusted ({tls})")),
            None => {}
        }
        let cause = root_cause(error);
        if matches!(error, ConnectionError::MqttState(_)) {
            return self.refused(cause);
        }
        Error::later(format!("the broker cannot be reached ({cause})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_dialled_in_brackets() {
        assert_eq!(dial_address("::1", 8883), "[::1]:8883");
        assert_eq!(dial_address("127.0.0.1", 1), "127.0.0.1:1");
        assert_eq!(dial_address("x.iot.localhost", 1), "127.0.0.1:1");
    }

    #[test]
    fn an_endpoint_may_bear_a_port_that_is_not_for_mqtt() {
        assert_eq!(host_of("x-ats.iot.localhost:4566"), "x-ats.iot.localhost");
        assert_eq!(host_of("x-ats.iot.example"), "x-ats.iot.example");
        assert_eq!(host_of("::1"), "::1");
    }

    #[tokio::test]
    async fn without_an_install_there_is_nothing_to_connect_with() {
        let dir = tempfile::tempdir().unwrap();
        let error = connect(&ConnectConfig::new(dir.path())).await.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("cvm-device vend"), "{error}");
    }
}
