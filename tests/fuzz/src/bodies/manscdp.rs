//! MANSCDP bodies, broken and sound.

use sluice::gb28181::{
    Charset, DeviceId, charset,
    manscdp::{self, Body, Catalog, CmdType, ConfigType, Document, Fields, Item, RecordQuery, Request, Root},
    time,
};

use super::tape::Tape;

/// Repair changes nothing but what is broken, and no repaired text a second time; one document is the first of
/// many; what we ask is read as it was meant.
pub fn run(bytes: &[u8]) {
    let all = manscdp::parse_all(bytes);
    assert_eq!(manscdp::parse(bytes).as_ref().ok(), all.as_ref().ok().and_then(|all| all.first()));
    let _ = (manscdp::cmd_type(bytes), manscdp::device_id(bytes));
    is_repaired_once(bytes, &all);
    all.unwrap_or_default().iter().for_each(holds);
    is_read_as_asked(&mut Tape::new(bytes));
}

fn is_repaired_once(bytes: &[u8], all: &Result<Vec<Document>, manscdp::Error>) {
    let Ok(repaired) = manscdp::repair(bytes) else { return };
    // `&` becomes `&amp;`.
    assert!(repaired.len() <= 5 * charset::decode(bytes).len());
    // One byte order mark is a mark, a second one is a character.
    if repaired.len() <= LARGEST && !repaired.starts_with('\u{FEFF}') {
        assert_eq!(manscdp::repair(repaired.as_bytes()).as_ref(), Ok(&repaired));
        assert_eq!(&manscdp::parse_all(repaired.as_bytes()), all);
    }
}

fn holds(document: &Document) {
    match &document.body {
        Body::Catalog(catalog) => items(catalog),
        Body::Other(fields) => has_no_password(fields),
        _ => {}
    }
    assert_eq!(CmdType::parse(document.cmd_type.as_str()), document.cmd_type);
}

fn items(catalog: &Catalog) {
    for item in &catalog.items {
        has_no_password(&item.fields);
        assert_eq!(Item::from_fields(item.fields.clone()).as_ref(), Ok(item));
        assert!(item.longitude.is_none_or(|degrees| degrees.abs() <= 180.0));
        assert!(item.latitude.is_none_or(|degrees| degrees.abs() <= 90.0));
        assert_ne!(item.parent_id.as_ref(), Some(&item.device_id));
    }
}

fn has_no_password(fields: &Fields) {
    let secret = |name: &str| name.rsplit('/').any(|part| part.eq_ignore_ascii_case("Password"));
    assert!(!fields.0.iter().any(|(name, _)| secret(name)));
}

/// The largest body that is read.
const LARGEST: usize = 4 * 1024 * 1024;

fn is_read_as_asked(tape: &mut Tape<'_>) {
    let charset = tape.one([Charset::Gb2312, Charset::Gb18030, Charset::Utf8]);
    let sn = tape.take(4).iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let kind = tape.below(6);
    // Other characters may look like UTF-8 in GB18030 and the reverse.
    let name = String::from_utf8_lossy(tape.take(20));
    let Some(device) = DeviceId::parse(&name).ok().filter(|_| name.is_ascii()) else { return };
    let day = time::parse("2022-05-03T00:00:00").expect("a date");
    let request = match kind {
        0 => Request::Catalog,
        1 => Request::ConfigDownload(vec![ConfigType::BasicParam, ConfigType::VideoParamOpt]),
        2 => Request::DeviceInfo,
        3 => Request::DeviceStatus,
        4 => Request::PresetQuery,
        _ => {
            let kind = String::from_utf8_lossy(tape.rest()).replace(|letter: char| !letter.is_ascii(), "");
            Request::RecordInfo(RecordQuery { start: day, end: day, kind })
        }
    };
    let document = manscdp::parse(&request.encode(sn, &device, charset)).expect("our own query");
    assert_eq!((document.root, document.sn, document.cmd_type), (Root::Query, Some(sn), request.cmd_type()));
    assert_eq!(document.device_id, device);
}
