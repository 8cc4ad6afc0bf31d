"""gosip's `sign` rule in Python: the decisions of `plugins/gosip-sign`, to the letter.

sign = lowercase hex MD5( path + sorted "k=v" pairs joined by "&", without sign + secret )
"""

import hmac
import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.lifecycle import Info
from wit_world.exports.sign import Request, Subject, Verdict, Verdict_Allow, Verdict_Refuse
from wit_world.imports.host import Algorithm, Key

MISSING = "缺少签名 (sign is missing)"
WRONG = "签名错误 (sign is wrong)"


class Lifecycle(exports.Lifecycle):
    def init(self, config: str) -> Info:
        if json.loads(config) != {}:
            raise Err("this plugin has nothing to configure")
        return Info("python-sign", "0.1.0", "gosip's sign rule, written in Python", [])

    def self_test(self) -> None:
        query = [("token", "b"), ("sign", "right"), ("name", "a")]
        text = signed_text("/users", query)
        if text != "/usersname=a&token=b":
            raise Err(f"the signed text is `{text}`")


class Sign(exports.Sign):
    def check(self, request: Request, key: Key) -> Verdict:
        # The host has checked already that the gateway asked for the stream.
        if request.subject == Subject.PUBLISH:
            return Verdict_Allow()
        given = [value for name, value in request.query if name == "sign"]
        if not given or not given[0]:
            return Verdict_Refuse(MISSING)
        right = key.digest(Algorithm.MD5, signed_text(request.path, request.query).encode(), b"")
        # Two signs are refused: it is not clear which is meant.
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), right.encode()):
            return Verdict_Allow()
        return Verdict_Refuse(WRONG)


def signed_text(path: str, query: list[tuple[str, str]]) -> str:
    """What is signed, without the secret. Pairs of one key keep the order they came in."""
    pairs = [pair for pair in query if pair[0] != "sign"]
    pairs.sort(key=lambda pair: pair[0].encode())
    return path + "&".join(f"{name}={value}" for name, value in pairs)
