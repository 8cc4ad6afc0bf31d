// gosip's `sign` rule in JavaScript: the decisions of `plugins/gosip-sign`, to the letter.
//
// sign = lowercase hex MD5( path + sorted "k=v" pairs joined by "&", without sign + secret )

const MISSING = '缺少签名 (sign is missing)';
const WRONG = '签名错误 (sign is wrong)';

const NOTHING = new Uint8Array();
const utf8 = new TextEncoder();

export const lifecycle = {
  init(config) {
    if (Object.keys(JSON.parse(config)).length > 0) {
      throw 'this plugin has nothing to configure';
    }
    return {
      name: 'javascript-sign',
      version: '0.1.0',
      description: "gosip's sign rule, written in JavaScript",
      attributes: [],
    };
  },

  selfTest() {
    const text = signedText('/users', [['token', 'b'], ['sign', 'right'], ['name', 'a']]);
    if (text !== '/usersname=a&token=b') {
      throw `the signed text is \`${text}\``;
    }
  },
};

export const sign = {
  check(request, key) {
    // The host has checked already that the gateway asked for the stream.
    if (request.subject === 'publish') {
      return { tag: 'allow' };
    }
    const given = request.query.filter(([name]) => name === 'sign').map(([, value]) => value);
    if (!given[0]) {
      return { tag: 'refuse', val: MISSING };
    }
    const right = key.digest('md5', utf8.encode(signedText(request.path, request.query)), NOTHING);
    // Two signs are refused: it is not clear which is meant.
    return given.length === 1 && same(given[0], right) ? { tag: 'allow' } : { tag: 'refuse', val: WRONG };
  },
};

// What is signed, without the secret. Pairs of one key keep the order they came in.
function signedText(path, query) {
  const pairs = query.filter(([name]) => name !== 'sign');
  pairs.sort(([left], [right]) => compareBytes(utf8.encode(left), utf8.encode(right)));
  return path + pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compareBytes(left, right) {
  const common = Math.min(left.length, right.length);
  for (let i = 0; i < common; i++) {
    if (left[i] !== right[i]) {
      return left[i] - right[i];
    }
  }
  return left.length - right.length;
}

// Compares without stopping at the first difference, so that the time taken tells nothing of where it is.
function same(left, right) {
  let difference = left.length ^ right.length;
  for (let i = 0; i < right.length; i++) {
    difference |= left.charCodeAt(i % (left.length || 1)) ^ right.charCodeAt(i);
  }
  return difference === 0;
}
