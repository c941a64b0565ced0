"""Drives the software authenticator with python3-fido2, a CTAP host that shares no code with it: one line for each check.

usage: certify.py NODE          (the program that runs served.ts)
Ends with 1 when a check fails. Signatures are verified, and secrets derived, by python3-cryptography.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import threading
import traceback

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.ctap import STATUS, CtapError
from fido2.ctap2 import ClientPin, CredentialManagement, Ctap2, PinProtocolV1, PinProtocolV2
from fido2.ctap2.extensions import HmacSecretExtension
from fido2.hid import CTAPHID, CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

NODE = sys.argv[1]
SERVED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "served.ts")
ERR = CtapError.ERR
PERMISSION = ClientPin.PERMISSION
ES256, EDDSA = -7, -8
ALGORITHM_NAMES = {ES256: "ES256", EDDSA: "EdDSA"}
PUAT_REQUIRED = 0x36  # Older names for it vary.
RP = {"id": "example.org", "name": "Example"}
HASH = hashlib.sha256(b"client data").digest()
PIN = "correct horse"


class Connection(CtapHidConnection):
    """Reports over the pipes of a child, which takes another device when it is free again."""

    idle = []

    def __init__(self, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        self.child = self.idle.pop() if self.idle else subprocess.Popen([NODE, SERVED], **pipes)
        self.tell(json.dumps(options))

    def tell(self, options):
        message = bytes(4) + struct.pack(">H", len(options)) + options.encode()
        self.child.stdin.write(message + bytes(-len(message) % 64))

    def read_packet(self):
        packet = b""
        while len(packet) < 64:
            part = self.child.stdout.read(64 - len(packet))
            if not part:
                raise EOFError("the authenticator's process has ended")
            packet += part
        return packet

    def write_packet(self, data):
        self.child.stdin.write(data)

    def close(self):
        self.idle.append(self.child)


class Device:
    """A fresh authenticator, and what a platform has of it."""

    def __init__(self, **options):
        self.connection = Connection(**options)
        self.open()

    def open(self):
        self.hid = CtapHidDevice(HidDescriptor("pipe", 0, 0, 64, 64), self.connection)
        self.ctap = Ctap2(self.hid)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # What a failed check has left in the pipes is not for the next.
        self.hid.close() if kind is None else self.connection.child.kill()

    def power_cycle(self):
        self.connection.tell("")
        self.open()

    def token(self, protocol, permissions, rp_id=None, pin=PIN):
        return ClientPin(self.ctap, protocol).get_pin_token(pin, permissions, rp_id)

    def make(self, algorithm=ES256, user=b"alice", token=None, protocol=None, rp=RP, **more):
        if token is not None:
            more.update(pin_uv_param=protocol.authenticate(token, HASH), pin_uv_protocol=protocol.VERSION)
        names = {"id": user, "name": user.decode(), "displayName": user.decode().title()}
        return self.ctap.make_credential(HASH, rp, names, [{"type": "public-key", "alg": algorithm}], **more)

    def get(self, credentials=None, token=None, protocol=None, rp_id=RP["id"], **more):
        if token is not None:
            more.update(pin_uv_param=protocol.authenticate(token, HASH), pin_uv_protocol=protocol.VERSION)
        allow = credentials and [{"type": "public-key", "id": id} for id in credentials]
        return self.ctap.get_assertions(rp_id, HASH, allow, **more)


checks = []


def named(value):
    """An argument of a check, as it stands in the check's name."""
    if isinstance(value, type):
        return value.NAME
    if isinstance(value, bool):
        return "discoverable" if value else "not stored"
    return ALGORITHM_NAMES.get(value, str(value))


def check(name, *cases):
    """Each case is run with its arguments, and named by them."""

    def register(function):
        for case in cases or [()]:
            suffix = ", ".join(named(each) for each in case)
            checks.append((name + (f" ({suffix})" if suffix else ""), function, case))
        return function

    return register


class One(PinProtocolV1):
    NAME = "protocol one"


class Two(PinProtocolV2):
    NAME = "protocol two"


PROTOCOLS = [(One,), (Two,)]


def refused(code, work):
    try:
        work()
    except CtapError as error:
        assert error.code == code, f"{error.code!r} instead of {code!r}"
    else:
        raise AssertionError(f"no error where {code!r} is due")


def credential_of(made):
    return made.auth_data.credential_data


@check("CTAPHID carries messages of every length")
def ping():
    with Device() as device:
        for length in [0, 1, 57, 58, 116, 117, 1024, 7609]:
            message = os.urandom(length)
            assert device.hid.ping(message) == message


@check("CTAPHID winks, and refuses what it does not know")
def commands():
    with Device() as device:
        device.hid.wink()
        refused(ERR.INVALID_COMMAND, lambda: device.hid.call(0x55, b"?"))
        refused(ERR.INVALID_COMMAND, lambda: device.hid.call(CTAPHID.MSG, b"?"))
        refused(ERR.INVALID_LENGTH, lambda: device.hid.call(CTAPHID.CBOR, b""))


@check("getInfo tells what the device can do")
def info():
    with Device() as device:
        told = device.ctap.info
        assert told.versions == ["FIDO_2_0", "FIDO_2_1"] and sorted(told.extensions) == ["credProtect", "hmac-secret"]
        assert told.options == {
            "rk": True, "up": True, "plat": False, "clientPin": False, "pinUvAuthToken": True, "makeCredUvNotRqd": True,
            "credMgmt": True, "credentialMgmtPreview": True,
        }
        assert told.max_msg_size == 7609 and told.pin_uv_protocols == [2, 1] and told.remaining_disc_creds == 25
        assert [each["alg"] for each in told.algorithms] == [ES256, EDDSA]


@check("a credential is made and asserts", (ES256, False), (ES256, True), (EDDSA, False), (EDDSA, True))
def round_trip(algorithm, resident):
    with Device() as device:
        made = device.make(algorithm, options={"rk": resident})
        data = made.auth_data
        assert data.rp_id_hash == hashlib.sha256(RP["id"].encode()).digest() and data.flags == 0x41
        assert made.fmt == "packed" and made.att_statement["alg"] == algorithm
        key = CoseKey.parse(credential_of(made).public_key)
        key.verify(data + HASH, made.att_statement["sig"])
        counters = []
        for _ in range(3):
            (assertion,) = device.get([credential_of(made).credential_id])
            assertion.verify(HASH, key)
            assert assertion.auth_data.flags == 0x01 and assertion.auth_data.rp_id_hash == data.rp_id_hash
            assert (assertion.user is not None) == resident
            counters.append(assertion.auth_data.counter)
        assert data.counter < counters[0] < counters[1] < counters[2]
        try:
            assertion.verify(hashlib.sha256(b"other data").digest(), key)
            raise AssertionError("a signature of other data holds")
        except InvalidSignature:
            pass


@check("no attestation where none is given")
def no_attestation():
    with Device(attestation="none") as device:
        made = device.make()
        assert made.fmt == "none" and made.att_statement == {}


@check("an algorithm that is not known is refused")
def algorithms():
    with Device(algorithms=["ES256"]) as device:
        refused(ERR.UNSUPPORTED_ALGORITHM, lambda: device.make(EDDSA))
        refused(ERR.UNSUPPORTED_ALGORITHM, lambda: device.make(-257))


@check("a credential id is of no use at another relying party, or on another device")
def bound():
    with Device() as device, Device() as other:
        id = credential_of(device.make()).credential_id
        device.get([id])
        refused(ERR.NO_CREDENTIALS, lambda: device.get([id], rp_id="example.com"))
        refused(ERR.NO_CREDENTIALS, lambda: other.get([id]))
        refused(ERR.NO_CREDENTIALS, lambda: device.get([bytes([id[0] ^ 1]) + id[1:]]))
        refused(ERR.NO_CREDENTIALS, lambda: device.get())


@check("discoverable credentials are told one by one, the newest first")
def next_assertion():
    with Device() as device:
        keys = {}
        for user in [b"alice", b"bob", b"carol"]:
            keys[user] = CoseKey.parse(credential_of(device.make(user=user, options={"rk": True})).public_key)
        assertions = device.get()
        assert [each.user for each in assertions] == [{"id": b"carol"}, {"id": b"bob"}, {"id": b"alice"}]
        assert [each.number_of_credentials for each in assertions] == [3, None, None]
        for each in assertions:
            each.verify(HASH, keys[each.user["id"]])
        refused(ERR.NOT_ALLOWED, device.ctap.get_next_assertion)
        device.ctap.get_assertion(RP["id"], HASH)
        device.ctap.get_info()
        refused(ERR.NOT_ALLOWED, device.ctap.get_next_assertion)


@check("a second credential of the same user replaces the first, and a full store is told")
def store():
    with Device(residentKeys=2) as device:
        first = credential_of(device.make(options={"rk": True})).credential_id
        second = credential_of(device.make(options={"rk": True})).credential_id
        device.make(user=b"bob", options={"rk": True})
        refused(ERR.KEY_STORE_FULL, lambda: device.make(user=b"carol", options={"rk": True}))
        refused(ERR.NO_CREDENTIALS, lambda: device.get([first]))
        device.get([second])


@check("the exclude list excludes")
def excluded():
    with Device() as device:
        for resident in [False, True]:
            id = credential_of(device.make(options={"rk": resident})).credential_id
            entry = {"type": "public-key", "id": id}
            refused(ERR.CREDENTIAL_EXCLUDED, lambda: device.make(exclude_list=[entry]))
            device.make(exclude_list=[entry], rp={"id": "example.com"})
            device.make(exclude_list=[{"type": "public-key", "id": os.urandom(63)}])


@check("a PIN is set, verified and changed", *PROTOCOLS)
def pin(protocol):
    with Device() as device:
        client = ClientPin(device.ctap, protocol())
        refused(ERR.PIN_NOT_SET, lambda: client.get_pin_token(PIN, PERMISSION.GET_ASSERTION, RP["id"]))
        refused(ERR.PIN_POLICY_VIOLATION, lambda: client.set_pin("1" * 64))
        client.set_pin(PIN)
        assert device.ctap.get_info().options["clientPin"] is True
        refused(ERR.PIN_AUTH_INVALID, lambda: client.set_pin("another"))
        assert client.get_pin_retries() == (8, None)
        assert len(client.get_pin_token(PIN, PERMISSION.GET_ASSERTION, RP["id"])) == 32
        refused(ERR.PIN_INVALID, lambda: client.change_pin("wrong", "12345"))
        assert client.get_pin_retries() == (7, None)
        client.change_pin(PIN, "grüße 🔑")
        assert client.get_pin_retries() == (8, None)
        refused(ERR.PIN_INVALID, lambda: client.get_pin_token(PIN, PERMISSION.GET_ASSERTION, RP["id"]))
        client.get_pin_token("grüße 🔑", PERMISSION.GET_ASSERTION, RP["id"])


@check("three wrong PINs in a row need a power cycle, and eight end it", *PROTOCOLS)
def wrong_pin(protocol):
    with Device(pin=PIN) as device:
        tries, codes = 0, []
        while tries < 8:
            client = ClientPin(device.ctap, protocol())
            try:
                client.get_pin_token("wrong", PERMISSION.GET_ASSERTION, RP["id"])
            except CtapError as error:
                codes.append(error.code)
            tries += 1
            assert client.get_pin_retries()[0] == 8 - tries
            if codes[-1] == ERR.PIN_AUTH_BLOCKED:
                assert client.get_pin_retries()[1] is True
                refused(ERR.PIN_AUTH_BLOCKED, lambda: client.get_pin_token(PIN, PERMISSION.GET_ASSERTION, RP["id"]))
                device.power_cycle()
        wrong, cycle = ERR.PIN_INVALID, ERR.PIN_AUTH_BLOCKED
        assert codes == [wrong, wrong, cycle, wrong, wrong, cycle, wrong, ERR.PIN_BLOCKED], codes
        device.power_cycle()
        refused(ERR.PIN_BLOCKED, lambda: ClientPin(device.ctap, protocol()).get_pin_token(PIN, PERMISSION.GET_ASSERTION, RP["id"]))


@check("user verification by PIN is seen in what is signed", *[(p, a) for (p,) in PROTOCOLS for a in (ES256, EDDSA)])
def verified(protocol, algorithm):
    with Device(pin=PIN) as device:
        protocol = protocol()
        token = device.token(protocol, PERMISSION.MAKE_CREDENTIAL, RP["id"])
        made = device.make(algorithm, token=token, protocol=protocol, options={"rk": True})
        assert made.auth_data.flags == 0x45
        token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        (assertion,) = device.get([credential_of(made).credential_id], token, protocol)
        assert assertion.auth_data.flags == 0x05
        assertion.verify(HASH, CoseKey.parse(credential_of(made).public_key))


@check("a token permits what it was asked for, where, and once", *PROTOCOLS)
def permissions(protocol):
    with Device(pin=PIN) as device:
        protocol = protocol()
        bad = ERR.PIN_AUTH_INVALID
        id = credential_of(device.make()).credential_id
        token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        refused(bad, lambda: device.make(token=token, protocol=protocol))
        refused(bad, lambda: device.get([id], bytes(32), protocol))
        refused(bad, lambda: device.get([id], token, protocol, rp_id="example.com"))
        device.get([id], token, protocol)
        refused(bad, lambda: device.get([id], token, protocol))
        token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        refused(bad, lambda: device.get([id], token, protocol))
        token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        device.power_cycle()
        refused(bad, lambda: device.get([id], token, protocol))
        refused(ERR.MISSING_PARAMETER, lambda: device.token(protocol, PERMISSION.GET_ASSERTION))
        refused(ERR.INVALID_PARAMETER, lambda: device.token(protocol, 0, RP["id"]))
        refused(ERR.UNAUTHORIZED_PERMISSION, lambda: device.token(protocol, PERMISSION.BIO_ENROLL))


@check("a token of one protocol does not hold under the other")
def protocols_apart():
    with Device(pin=PIN) as device:
        id = credential_of(device.make()).credential_id
        token = device.token(One(), PERMISSION.GET_ASSERTION, RP["id"])
        refused(ERR.PIN_AUTH_INVALID, lambda: device.get([id], token, Two()))


@check("a discoverable credential needs the PIN that is set")
def pin_needed():
    with Device(pin=PIN) as device:
        refused(PUAT_REQUIRED, lambda: device.make(options={"rk": True}))
        device.make()


@check("users are told in full when they are verified")
def users():
    with Device(pin=PIN) as device:
        for user in [b"alice", b"bob"]:
            token = device.token(Two(), PERMISSION.MAKE_CREDENTIAL, RP["id"])
            device.make(user=user, token=token, protocol=Two(), options={"rk": True})
        assertions = device.get(None, device.token(Two(), PERMISSION.GET_ASSERTION, RP["id"]), Two())
        assert [each.user["name"] for each in assertions] == ["bob", "alice"]


@check("built-in user verification stands in for the PIN", *PROTOCOLS)
def built_in(protocol):
    with Device(builtInUv=True) as device:
        protocol = protocol()
        client = ClientPin(device.ctap, protocol)
        assert device.ctap.info.options["uv"] is True and client.get_uv_retries() == (5, None)
        token = client.get_uv_token(PERMISSION.MAKE_CREDENTIAL, RP["id"])
        made = device.make(token=token, protocol=protocol, options={"rk": True})
        assert made.auth_data.flags == 0x45
        (assertion,) = device.get([credential_of(made).credential_id], options={"uv": True})
        assert assertion.auth_data.flags == 0x05


def hmac(device, protocol, id, *salts, token=None):
    extension = HmacSecretExtension(device.ctap, protocol)
    given = extension.process_get_input({"hmacGetSecret": {f"salt{n}": salt for n, salt in enumerate(salts, 1)}})
    (assertion,) = device.get([id], token, protocol, extensions={"hmac-secret": given})
    found = extension.process_get_output(assertion.auth_data)["hmacGetSecret"]
    return [found[f"output{n}"] for n in range(1, len(salts) + 1)]


@check("hmac-secret answers one salt and two", *[(p, a) for (p,) in PROTOCOLS for a in (ES256, EDDSA)])
def hmac_secret(protocol, algorithm):
    with Device(pin=PIN) as device:
        protocol = protocol()
        made = device.make(algorithm, extensions={"hmac-secret": True})
        assert made.auth_data.extensions == {"hmac-secret": True}
        id = credential_of(made).credential_id
        one, other = os.urandom(32), os.urandom(32)
        (first,) = hmac(device, protocol, id, one)
        assert len(first) == 32 and hmac(device, protocol, id, one) == [first]
        assert hmac(device, protocol, id, other, one)[1] == first
        token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
        (with_verification,) = hmac(device, protocol, id, one, token=token)
        assert with_verification != first
        another = credential_of(device.make(algorithm, extensions={"hmac-secret": True})).credential_id
        assert hmac(device, protocol, another, one) != [first]


@check("hmac-secret: both protocols give the same secret, and a credential made without it gives none")
def hmac_secret_alike():
    with Device() as device:
        id = credential_of(device.make(extensions={"hmac-secret": True})).credential_id
        salt = os.urandom(32)
        assert hmac(device, One(), id, salt) == hmac(device, Two(), id, salt)
        bare = credential_of(device.make()).credential_id
        given = HmacSecretExtension(device.ctap, Two()).process_get_input({"hmacGetSecret": {"salt1": salt}})
        (assertion,) = device.get([bare], extensions={"hmac-secret": given})
        assert assertion.auth_data.extensions is None
        refused(ERR.PIN_AUTH_INVALID, lambda: device.get([id], extensions={"hmac-secret": {**given, 3: bytes(32)}}))
        refused(ERR.UNSUPPORTED_OPTION, lambda: device.get([id], extensions={"hmac-secret": given}, options={"up": False}))


@check("credProtect hides credentials, the more the higher its level", (1,), (2,), (3,))
def cred_protect(level):
    with Device(pin=PIN) as device:
        token = device.token(Two(), PERMISSION.MAKE_CREDENTIAL, RP["id"])
        made = device.make(token=token, protocol=Two(), options={"rk": True}, extensions={"credProtect": level})
        assert made.auth_data.extensions == {"credProtect": level}
        id = credential_of(made).credential_id
        for seen, credentials in [(level < 3, [id]), (level < 2, None)]:
            if seen:
                device.get(credentials)
            else:
                refused(ERR.NO_CREDENTIALS, lambda: device.get(credentials))
            device.get(credentials, device.token(Two(), PERMISSION.GET_ASSERTION, RP["id"]), Two())
        entry = [{"type": "public-key", "id": id}]
        if level < 3:
            refused(ERR.CREDENTIAL_EXCLUDED, lambda: device.make(exclude_list=entry))
        else:
            device.make(exclude_list=entry)


@check("credentials are managed", *[(p, v) for (p,) in PROTOCOLS for v in ("CTAP 2.1", "CTAP 2.0 preview")])
def management(protocol, version):
    older = version != "CTAP 2.1"
    with Device(pin=PIN, pinProtocols=[1, 2], versions=["FIDO_2_0"] if older else ["FIDO_2_0", "FIDO_2_1"]) as device:
        protocol = protocol()
        made = {}
        for rp, user in [(RP, b"alice"), (RP, b"bob"), ({"id": "example.com"}, b"carol")]:
            token = device.token(protocol, PERMISSION.MAKE_CREDENTIAL, rp["id"])
            made[user] = credential_of(device.make(user=user, rp=rp, token=token, protocol=protocol, options={"rk": True}))
        manage = CredentialManagement(device.ctap, protocol, device.token(protocol, PERMISSION.CREDENTIAL_MGMT))
        assert manage.get_metadata() == {1: 3, 2: 22}
        parties = manage.enumerate_rps()
        assert [each[3]["id"] for each in parties] == ["example.org", "example.com"] and parties[0][3]["name"] == "Example"
        assert all(each[4] == hashlib.sha256(each[3]["id"].encode()).digest() for each in parties)
        found = manage.enumerate_creds(parties[0][4])
        assert [each[6]["name"] for each in found] == ["bob", "alice"] and found[0][9] == 2
        assert [each[7]["id"] for each in found] == [made[user].credential_id for user in (b"bob", b"alice")]
        assert found[0][8] == made[b"bob"].public_key and found[0][10] == 1
        manage.update_user_info(found[0][7], {"id": b"bob", "name": "robert"})
        assert manage.enumerate_creds(parties[0][4])[0][6] == {"id": b"bob", "name": "robert"}
        refused(ERR.INVALID_PARAMETER, lambda: manage.update_user_info(found[0][7], {"id": b"other", "name": "robert"}))
        for each in found:
            manage.delete_cred(each[7])
        refused(ERR.NO_CREDENTIALS, lambda: manage.delete_cred(found[0][7]))
        assert manage.enumerate_creds(parties[0][4]) == [] and manage.get_metadata() == {1: 1, 2: 24}
        refused(ERR.NO_CREDENTIALS, lambda: device.get([made[b"bob"].credential_id]))
        forged = CredentialManagement(device.ctap, protocol, bytes(32))
        refused(ERR.PIN_AUTH_INVALID, forged.get_metadata)
        if not older:
            token = device.token(protocol, PERMISSION.GET_ASSERTION, RP["id"])
            refused(ERR.PIN_AUTH_INVALID, CredentialManagement(device.ctap, protocol, token).get_metadata)
            token = device.token(protocol, PERMISSION.CREDENTIAL_MGMT, "example.com")
            bound = CredentialManagement(device.ctap, protocol, token)
            refused(ERR.PIN_AUTH_INVALID, bound.get_metadata)
            refused(ERR.PIN_AUTH_INVALID, bound.enumerate_rps)
            refused(ERR.PIN_AUTH_INVALID, lambda: bound.enumerate_creds(parties[0][4]))
            assert len(bound.enumerate_creds(parties[1][4])) == 1


@check("a device of CTAP 2.0 has plain tokens")
def older():
    with Device(pin=PIN, versions=["FIDO_2_0"]) as device:
        assert device.ctap.info.pin_uv_protocols == [1] and "pinUvAuthToken" not in device.ctap.info.options
        refused(PUAT_REQUIRED, device.make)
        token = device.token(One(), None)
        assert len(token) == 16
        id = credential_of(device.make(token=token, protocol=One())).credential_id
        for _ in range(2):
            device.get([id], token, One())
        refused(ERR.INVALID_COMMAND, lambda: device.ctap.send_cbor(Ctap2.CMD.SELECTION))


@check("a reset forgets everything, and is taken only after a power-up")
def reset():
    with Device(pin=PIN) as device:
        token = device.token(Two(), PERMISSION.MAKE_CREDENTIAL, RP["id"])
        stored = credential_of(device.make(token=token, protocol=Two(), options={"rk": True})).credential_id
        wrapped = credential_of(device.make()).credential_id
        device.power_cycle()
        device.ctap.reset()
        assert device.ctap.get_info().options["clientPin"] is False
        refused(ERR.NO_CREDENTIALS, lambda: device.get([stored, wrapped]))
        refused(ERR.NO_CREDENTIALS, device.get)
        device.make(options={"rk": True})


@check("a person who denies is told of")
def denied():
    with Device(person="denies") as device:
        refused(ERR.OPERATION_DENIED, device.make)
        refused(ERR.OPERATION_DENIED, lambda: device.ctap.send_cbor(Ctap2.CMD.SELECTION))
        refused(ERR.OPERATION_DENIED, device.ctap.reset)


@check("messages go up to the largest size, and no further")
def sizes():
    with Device(pin=PIN, maxMsgSize=7000) as device:
        assert device.ctap.info.max_msg_size == 7000
        token = device.token(Two(), PERMISSION.MAKE_CREDENTIAL, RP["id"])
        device.make(token=token, protocol=Two(), options={"rk": True})
        manage = CredentialManagement(device.ctap, Two(), device.token(Two(), PERMISSION.CREDENTIAL_MGMT))
        (found,) = manage.enumerate_creds(hashlib.sha256(RP["id"].encode()).digest())
        long = {"id": b"alice", "name": "a" * 6700}
        manage.update_user_info(found[7], long)
        (found,) = manage.enumerate_creds(hashlib.sha256(RP["id"].encode()).digest())
        assert found[6] == long
        fill = lambda length: CtapError(device.hid.call(CTAPHID.CBOR, b"\x01".ljust(length, b"\0"))[0]).code
        assert fill(7000) == ERR.INVALID_CBOR
        assert fill(7001) == ERR.REQUEST_TOO_LARGE


@check("selection waits for a touch alone")
def selection():
    with Device(person="is slow") as device:
        seen = []
        assert device.ctap.send_cbor(Ctap2.CMD.SELECTION, on_keepalive=seen.append) is None
        assert STATUS.UPNEEDED in seen


@check("a PIN is no touch, and a finger on the reader is one")
def touches():
    with Device(pin=PIN, builtInUv=True, person="denies") as device:
        client = ClientPin(device.ctap, Two())
        token = client.get_pin_token(PIN, PERMISSION.MAKE_CREDENTIAL, RP["id"])
        refused(ERR.OPERATION_DENIED, lambda: device.make(token=token, protocol=Two()))
        token = client.get_uv_token(PERMISSION.MAKE_CREDENTIAL, RP["id"])
        assert device.make(token=token, protocol=Two()).auth_data.flags == 0x45


@check("keep-alives tell that a touch is awaited")
def keep_alive():
    with Device(person="is slow") as device:
        seen = []
        device.make(on_keepalive=seen.append)
        assert STATUS.UPNEEDED in seen, seen


@check("a request that waits for a touch can be cancelled")
def cancelled():
    with Device(person="waits") as device:
        event = threading.Event()
        refused(ERR.KEEPALIVE_CANCEL, lambda: device.make(event=event, on_keepalive=lambda _: event.set()))
        device.ctap.get_info()


@check("what is no canonical CBOR, or not what it should be, is refused")
def malformed():
    with Device() as device:
        send = lambda data: CtapError(device.hid.call(CTAPHID.CBOR, data)[0]).code
        assert send(b"\x01") == ERR.MISSING_PARAMETER
        assert send(b"\x77") == ERR.INVALID_COMMAND
        assert send(b"\x01\xa1") == ERR.INVALID_CBOR
        assert send(b"\x01\xa0\x00") == ERR.INVALID_CBOR
        assert send(b"\x06\xa2\x02\x02\x01\x01") == ERR.INVALID_CBOR
        assert send(b"\x06\xa2\x01\x18\x01\x02\x02") == ERR.INVALID_CBOR
        assert send(b"\x06\xbf\x01\x01\x02\x02\xff") == ERR.INVALID_CBOR
        assert send(b"\x06" + cbor.encode({1: 3, 2: 2})) == ERR.INVALID_PARAMETER
        assert send(b"\x06" + cbor.encode({1: "1", 2: 2})) == ERR.CBOR_UNEXPECTED_TYPE
        assert send(b"\x06" + cbor.encode({1: 1, 2: 0x66})) == ERR.INVALID_SUBCOMMAND
        device.make()


failed = 0
for name, function, case in checks:
    try:
        function(*case)
        print(f"ok     {name}", flush=True)
    except Exception as error:
        failed += 1
        print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        traceback.print_exc()
for child in Connection.idle:
    child.stdin.close()
    child.wait(10)
print(f"{len(checks) - failed} of {len(checks)} checks passed")
sys.exit(1 if failed else 0)
