//! Objects in the protobuf of Kubernetes, as typed clients send them (kubectl `create deployment` from 1.32 on): the
//! envelope `k8s\0` with a `runtime.Unknown`, and as many messages as those clients make. What has no place in the table
//! is refused by its number rather than dropped. Field numbers from `kubernetes/api:*/v1/generated.proto`.

use super::refusal::Refusal;
use serde_json::{Map, Value, json};

const MAGIC: &[u8] = b"k8s\0";

/// One message a line: `name=number:type`. Types: `s` string, `b` bool, `i` number, `p` number that may be zero, `y`
/// bytes, `-` what a client has no say in, `ios` number or text, `q` quantity, else a message; `[]` repeated, `{}` map.
const MESSAGES: &str = "\
ObjectMeta name=1:s generateName=2:s namespace=3:s selfLink=4:- uid=5:s resourceVersion=6:s generation=7:- creationTimestamp=8:- labels=11:{}s annotations=12:{}s ownerReferences=13:[]OwnerReference finalizers=14:[]s
OwnerReference kind=1:s name=3:s uid=4:s apiVersion=5:s controller=6:b blockOwnerDeletion=7:b
Namespace metadata=1:ObjectMeta spec=2:- status=3:-
Deployment metadata=1:ObjectMeta spec=2:DeploymentSpec status=3:-
DeploymentSpec replicas=1:p selector=2:LabelSelector template=3:PodTemplateSpec strategy=4:DeploymentStrategy minReadySeconds=5:i revisionHistoryLimit=6:p paused=7:b progressDeadlineSeconds=9:p
DeploymentStrategy type=1:s rollingUpdate=2:RollingUpdateDeployment
RollingUpdateDeployment maxUnavailable=1:ios maxSurge=2:ios
LabelSelector matchLabels=1:{}s matchExpressions=2:[]LabelSelectorRequirement
LabelSelectorRequirement key=1:s operator=2:s values=3:[]s
PodTemplateSpec metadata=1:ObjectMeta spec=2:PodSpec
Pod metadata=1:ObjectMeta spec=2:PodSpec status=3:-
PodSpec containers=2:[]Container restartPolicy=3:s terminationGracePeriodSeconds=4:p dnsPolicy=6:s nodeSelector=7:{}s serviceAccountName=8:s serviceAccount=9:s nodeName=10:s hostNetwork=11:b hostPID=12:b hostIPC=13:b imagePullSecrets=15:[]LocalObjectReference hostname=16:s subdomain=17:s schedulerName=19:s initContainers=20:[]Container priorityClassName=24:s
LocalObjectReference name=1:s
Container name=1:s image=2:s command=3:[]s args=4:[]s workingDir=5:s ports=6:[]ContainerPort env=7:[]EnvVar resources=8:ResourceRequirements terminationMessagePath=13:s imagePullPolicy=14:s stdin=16:b stdinOnce=17:b tty=18:b terminationMessagePolicy=20:s
ContainerPort name=1:s hostPort=2:i containerPort=3:i protocol=4:s hostIP=5:s
EnvVar name=1:s value=2:s
ResourceRequirements limits=1:{}q requests=2:{}q
Service metadata=1:ObjectMeta spec=2:ServiceSpec status=3:-
ServiceSpec ports=1:[]ServicePort selector=2:{}s clusterIP=3:s type=4:s externalIPs=5:[]s sessionAffinity=7:s loadBalancerIP=8:s loadBalancerSourceRanges=9:[]s externalName=10:s externalTrafficPolicy=11:s healthCheckNodePort=12:i publishNotReadyAddresses=13:b ipFamilyPolicy=17:s clusterIPs=18:[]s ipFamilies=19:[]s
ServicePort name=1:s protocol=2:s port=3:i targetPort=4:ios nodePort=5:i appProtocol=6:s
ConfigMap metadata=1:ObjectMeta data=2:{}s binaryData=3:{}y immutable=4:b
Secret metadata=1:ObjectMeta data=2:{}y type=3:s stringData=4:{}s immutable=5:b
ServiceAccount metadata=1:ObjectMeta imagePullSecrets=3:[]LocalObjectReference automountServiceAccountToken=4:b
SelfSubjectAccessReview metadata=1:- spec=2:SelfSubjectAccessReviewSpec status=3:-
SelfSubjectAccessReviewSpec resourceAttributes=1:ResourceAttributes nonResourceAttributes=2:NonResourceAttributes
SelfSubjectRulesReview metadata=1:- spec=2:SelfSubjectRulesReviewSpec status=3:-
SelfSubjectRulesReviewSpec namespace=1:s
ResourceAttributes namespace=1:s verb=2:s group=3:s version=4:s resource=5:s subresource=6:s name=7:s
NonResourceAttributes path=1:s verb=2:s
";

/// The object in a body.
pub(super) fn object(body: &[u8]) -> Result<Value, Refusal> {
    let unreadable = || Refusal::bad_request("unreadable protobuf");
    let envelope = body.strip_prefix(MAGIC).ok_or_else(unreadable)?;
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in fields(envelope).ok_or_else(unreadable)? {
        match (field.number, field.value) {
            (1, Wire::Bytes(meta)) => {
                for field in fields(meta).ok_or_else(unreadable)? {
                    if let Wire::Bytes(text) = field.value {
                        let text = String::from_utf8_lossy(text).into_owned();
                        if field.number == 1 {
                            version = text;
                        } else if field.number == 2 {
                            kind = text;
                        }
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut object = message(&kind, raw).map_err(|why| match why {
        Unread::Broken => unreadable(),
        Unread::Unserved(what) => Refusal::media_type(&format!(
            "application/json, application/yaml; the practice cluster does not read {what} as protobuf"
        )),
    })?;
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    Ok(object)
}

/// Why a message was not read.
enum Unread {
    Broken,
    Unserved(String),
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

struct Field<'a> {
    number: u64,
    value: Wire<'a>,
}

/// The fields of a message as they stand on the wire; None for what is no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Number(number(&mut bytes)?),
            1 => {
                bytes = bytes.get(8..)?;
                Wire::Other
            }
            2 => {
                let length = usize::try_from(number(&mut bytes)?).ok()?;
                let (taken, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Wire::Bytes(taken)
            }
            5 => {
                bytes = bytes.get(4..)?;
                Wire::Other
            }
            _ => return None,
        };
        found.push(Field {
            number: tag >> 3,
            value,
        });
    }
    Some(found)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn message(name: &str, bytes: &[u8]) -> Result<Value, Unread> {
    let line = MESSAGES
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .ok_or_else(|| Unread::Unserved(name.to_owned()))?;
    let mut object = Map::new();
    for field in fields(bytes).ok_or(Unread::Broken)? {
        let known = line.split(' ').find_map(|word| {
            let (member, rest) = word.split_once('=')?;
            let (number, kind) = rest.split_once(':')?;
            (number.parse() == Ok(field.number)).then_some((member, kind))
        });
        let Some((member, kind)) = known else {
            // Typed clients send the empty values of members that were never set.
            if matches!(field.value, Wire::Number(0)) || matches!(field.value, Wire::Bytes([])) {
                continue;
            }
            return Err(Unread::Unserved(format!(
                "field {} of {name}",
                field.number
            )));
        };
        put(&mut object, member, kind, &field.value)?;
    }
    Ok(Value::Object(object))
}

fn put(
    object: &mut Map<String, Value>,
    member: &str,
    kind: &str,
    value: &Wire<'_>,
) -> Result<(), Unread> {
    if kind == "-" {
        return Ok(());
    }
    if let Some(kind) = kind.strip_prefix("[]") {
        let item = one(kind, value)?;
        let list = object.entry(member.to_owned()).or_insert_with(|| json!([]));
        if let Value::Array(items) = list {
            items.push(item);
        }
        return Ok(());
    }
    if let Some(kind) = kind.strip_prefix("{}") {
        let Wire::Bytes(pair) = value else {
            return Err(Unread::Broken);
        };
        let (mut key, mut held) = (String::new(), json!(""));
        for field in fields(pair).ok_or(Unread::Broken)? {
            match (field.number, &field.value) {
                (1, Wire::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
                (2, value) => held = one(kind, value)?,
                _ => {}
            }
        }
        object.entry(member.to_owned()).or_insert_with(|| json!({}))[key] = held;
        return Ok(());
    }
    let value = one(kind, value)?;
    let unset = match &value {
        Value::String(text) => text.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(number) => kind == "i" && number.as_i64() == Some(0),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if !unset {
        object.insert(member.to_owned(), value);
    }
    Ok(())
}

fn one(kind: &str, value: &Wire<'_>) -> Result<Value, Unread> {
    match (kind, value) {
        ("s", Wire::Bytes(text)) => std::str::from_utf8(text)
            .map(|text| json!(text))
            .map_err(|_| Unread::Broken),
        ("y", Wire::Bytes(bytes)) => serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))
            .map_err(|_| Unread::Broken),
        ("b", Wire::Number(number)) => Ok(json!(*number != 0)),
        // Negative numbers are sent as the 64 bits of their complement.
        ("i" | "p", Wire::Number(number)) => Ok(json!(number.cast_signed())),
        ("q", Wire::Bytes(bytes)) => {
            let mut text = json!("");
            for field in fields(bytes).ok_or(Unread::Broken)? {
                if field.number == 1 {
                    text = one("s", &field.value)?;
                }
            }
            Ok(text)
        }
        ("ios", Wire::Bytes(bytes)) => {
            let (mut is_text, mut number, mut text) = (false, json!(0), json!(""));
            for field in fields(bytes).ok_or(Unread::Broken)? {
                match (field.number, &field.value) {
                    (1, Wire::Number(kind)) => is_text = *kind == 1,
                    (2, value) => number = one("p", value)?,
                    (3, value) => text = one("s", value)?,
                    _ => {}
                }
            }
            Ok(if is_text { text } else { number })
        }
        (name, Wire::Bytes(bytes)) => message(name, bytes),
        _ => Err(Unread::Broken),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A length-delimited field.
    fn part(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut part = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        part.extend(bytes);
        part
    }

    fn envelope(kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [part(1, b"v1"), part(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), part(1, &meta), part(2, raw)].concat()
    }

    #[test]
    fn a_namespace() {
        let meta = [part(1, b"play"), part(2, b""), part(8, b"")].concat();
        let body = envelope("Namespace", &[part(1, &meta), part(2, b"")].concat());
        assert_eq!(
            object(&body).unwrap(),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "play"}})
        );
    }

    #[test]
    fn nothing_is_dropped_silently() {
        let container = part(2, &part(10, b"x"));
        let body = envelope("Pod", &part(2, &container));
        let refusal = object(&body).unwrap_err();
        assert_eq!(refusal.code, 415);
        assert!(
            refusal.message.contains("field 10 of Container"),
            "{}",
            refusal.message
        );
        assert_eq!(object(&envelope("Lease", b"")).unwrap_err().code, 415);
    }

    #[test]
    fn broken_bytes_are_no_panic() {
        let good = envelope("Namespace", &part(1, &part(1, b"play")));
        for length in 0..good.len() {
            let _ = object(&good[..length]);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = object(&bad);
        }
    }
}
