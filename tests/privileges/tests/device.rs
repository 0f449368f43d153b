//! The policy that all devices share: each is confined to its own Thing, and to a certificate that is bound to it.

use cvm_privileges::policy::Check;
use cvm_privileges::policy::documents_allow;
use cvm_privileges::template::ACCOUNT;
use cvm_privileges::template::PARTITIONS;
use cvm_privileges::template::Partition;
use cvm_privileges::template::Template;
use serde_json::Value;

/// A connection: what AWS IoT tells of it.
#[derive(Clone, Copy)]
struct Connection {
    thing: &'static str,
    attached: bool,
}

const OWN: Connection = Connection {
    thing: "SN-0001",
    attached: true,
};

/// What `cvm-device connect` does.
const NEEDED: [(&str, &str); 4] = [
    ("iot:Connect", "client/SN-0001"),
    ("iot:Publish", "topic/dt/SN-0001/cvm"),
    ("iot:Receive", "topic/dt/SN-0001/cvm"),
    ("iot:Subscribe", "topicfilter/dt/SN-0001/cvm"),
];

fn policies(partition: Partition) -> Vec<Value> {
    let template = Template::shipped(partition);
    let policies = template.of_type("AWS::IoT::Policy").into_values();
    policies
        .map(|policy| policy["PolicyDocument"].clone())
        .collect()
}

fn check(partition: Partition, connection: Connection, action: &str, resource: &str) -> Check {
    let resource = format!(
        "arn:{}:iot:{}:{ACCOUNT}:{resource}",
        partition.name, partition.region
    );
    let attached = connection.attached.to_string();
    Check::new(action, resource)
        .with("iot:Connection.Thing.ThingName", &[connection.thing])
        .with("iot:Connection.Thing.IsAttached", &[attached])
}

fn may(partition: Partition, connection: Connection, action: &str, resource: &str) -> bool {
    let check = check(partition, connection, action, resource);
    documents_allow(&policies(partition), &check)
}

#[test]
fn a_device_does_what_it_is_for() {
    for partition in PARTITIONS {
        assert_eq!(policies(partition).len(), 1);
        for (action, resource) in NEEDED {
            assert!(
                may(partition, OWN, action, resource),
                "{action} in {}",
                partition.name
            );
        }
    }
}

#[test]
fn a_device_is_nobody_else() {
    for partition in PARTITIONS {
        for (action, resource) in [
            ("iot:Connect", "client/SN-0002"),
            ("iot:Connect", "client/SN-0001-2"),
            ("iot:Connect", "client/*"),
            ("iot:Publish", "topic/dt/SN-0002/cvm"),
            ("iot:Publish", "topic/dt/SN-0001"),
            ("iot:Publish", "topic/$aws/things/SN-0001/shadow/update"),
            ("iot:Receive", "topic/dt/SN-0002/cvm"),
            ("iot:Subscribe", "topicfilter/dt/SN-0002/cvm"),
            ("iot:Subscribe", "topicfilter/dt/+/cvm"),
            ("iot:Subscribe", "topicfilter/dt/#"),
            ("iot:Subscribe", "topicfilter/#"),
            ("iot:RetainPublish", "topic/dt/SN-0001/cvm"),
            ("iot:GetThingShadow", "thing/SN-0001"),
            ("iot:AttachPolicy", "cert/00"),
        ] {
            assert!(
                !may(partition, OWN, action, resource),
                "{action} on {resource}"
            );
        }
    }
}

/// A certificate whose Thing is gone, or that was never bound, opens no connection.
#[test]
fn a_device_that_is_not_attached_does_not_connect() {
    for partition in PARTITIONS {
        let loose = Connection {
            attached: false,
            ..OWN
        };
        assert!(!may(partition, loose, "iot:Connect", "client/SN-0001"));
        let nameless = Connection {
            thing: "",
            attached: false,
        };
        assert!(!may(partition, nameless, "iot:Connect", "client/"));
    }
}

#[test]
fn a_statement_that_is_dropped_is_missed() {
    let partition = PARTITIONS[0];
    let document = policies(partition).remove(0);
    let statements = document["Statement"].as_array().unwrap();
    for (n, dropped) in statements.iter().enumerate() {
        let mut less = document.clone();
        less["Statement"].as_array_mut().unwrap().remove(n);
        let less = [less];
        let denied = |(action, resource): &(&str, &str)| {
            !documents_allow(&less, &check(partition, OWN, action, resource))
        };
        assert!(NEEDED.iter().any(denied), "{dropped}");
    }
}
