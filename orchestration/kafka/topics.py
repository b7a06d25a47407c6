"""The platform's topics and its partners' rights on the cluster: made where they are not, and looked at where they are.

A partner can do two things: write `in.<org>`, and read `refused.<org>` in consumer groups of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import TopicAlreadyExistsError

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.orchestration.data_folder import write_private
from woonketen.streams.kafka.link import Link, kafka_told, knock

HOUR = 3600 * 1000
KEPT_DAYS = 30
"""So long a message in `in.<org>` waits for a platform that is down, and one in `refused.<org>` for its reader."""

FOR_EVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "compression.type": "uncompressed",  # what is sealed does not get smaller
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
INBOX = {
    "cleanup.policy": "delete",
    "retention.ms": str(KEPT_DAYS * 24 * HOUR),
    "retention.bytes": "-1",
    "segment.ms": str(HOUR),  # what was deleted leaves the disk with its segment
    "compression.type": "gzip",  # which every reader knows, whatever the writer uses
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
REFUSED = INBOX


@contextmanager
def admin(link: Link) -> Iterator[Any]:
    knock(link)
    with kafka_told(link):
        client = KafkaAdminClient(**link.options())
        try:
            yield client
        finally:
            client.close()


# --- the platform's own ---


def prepare(link: Link, partitions: int) -> list[dict[str, Any]]:
    """The topic `events`, made or found as it must be; returns what stands there. Raises `ConfigurationError` as
    `check` does."""
    with admin(link) as client:
        _make(client, {link.events: partitions}, FOR_EVER)
        return [check(client, link, partitions)]


def check(client: Any, link: Link, partitions: int) -> dict[str, Any]:
    """What stands there. Raises `ConfigurationError` where it is missing, has another number of partitions or other
    settings: they are never changed under data that is there."""
    if link.events not in client.list_topics():
        raise ConfigurationError(f"There is no topic {link.events}.", "Run `woonketen init`.")
    found = describe(client, link.events)
    if found["partitions"] != partitions:
        raise ConfigurationError(
            f"The topic {link.events} has {found['partitions']} partitions; this installation has {partitions}.",
            "The number is kept for ever: use the topic's installation, or another `kafka_prefix`.",
        )
    wrong = sorted(name for name, value in FOR_EVER.items() if found["settings"].get(name) != value)
    if wrong:
        raise ConfigurationError(
            f"The topic {link.events} has other settings: {', '.join(wrong)}.",
            f"It must have {', '.join(f'{name}={FOR_EVER[name]}' for name in wrong)}.",
        )
    if int(found["settings"]["min.insync.replicas"]) < in_sync(found["replicas"]):
        raise ConfigurationError(
            f"The topic {link.events} takes a record that only one broker has.", "Set min.insync.replicas=2 on it."
        )
    return found


def too_short(client: Any, link: Link, orgs: Iterable[str], hours: int) -> list[str]:
    """Topics of partners that keep what was admitted for a shorter time than lies between two backups."""
    there = set(client.list_topics())
    found = []
    for topic in (link.inbox(org) for org in orgs):
        if topic in there:
            kept = int(describe(client, topic)["settings"]["retention.ms"])
            if kept >= 0 and kept < hours * HOUR:
                found.append(topic)
    return found


def describe(client: Any, topic: str) -> dict[str, Any]:
    """`{"topic", "partitions", "replicas", "settings"}`; the settings that are ours to give."""
    (told,) = client.describe_topics([topic])
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    every = client.describe_configs([resource], config_filter="all")["topic"][topic]
    kept = {name: every[name]["value"] for name in (*FOR_EVER, "segment.ms", "min.insync.replicas") if name in every}
    replicas = min((len(each["replica_nodes"]) for each in told["partitions"]), default=0)
    return {"topic": topic, "partitions": len(told["partitions"]), "replicas": replicas, "settings": kept}


def in_sync(replicas: int) -> int:
    """How many copies there are before a record counts: never all, or one broker that goes stops everything."""
    return max(1, min(2, replicas - 1))


def _make(client: Any, wanted: Mapping[str, int], settings: Mapping[str, str]) -> None:
    """Three copies where there are three brokers, and two of them before a record counts as taken."""
    replicas = min(3, len(client.describe_cluster()["brokers"]))
    configs = {**settings, "min.insync.replicas": str(in_sync(replicas))}
    there = set(client.list_topics())
    for topic, partitions in wanted.items():
        if topic in there:
            continue
        try:
            client.create_topics(
                {topic: {"num_partitions": partitions, "replication_factor": replicas, "configs": configs}},
                wait_for_metadata=True,
            )
        except TopicAlreadyExistsError:
            continue  # another `init` beside us


# --- partners ---


def let_in(link: Link, org: str, folder: Path, *, rotate: bool = False) -> dict[str, Any]:
    """The user of an organisation, its topics and rights. The password is made once, and again only with `rotate`; it
    stands in a file with mode 0600 in `folder`, for the operator to hand over."""
    user, file = link.partner(org), folder / f"{link.partner(org)}.password"
    with admin(link) as client:
        known = _known(client, user)
        if known and not file.exists() and not _fresh(file).exists() and not rotate:
            raise ConfigurationError(
                f"{org} has a password already, and it is not on this machine.",
                "The partner has it; if not, make a new one with --rotate.",
            )
        _make(client, {link.inbox(org): 1}, INBOX)
        _make(client, {link.refused(org): 1}, REFUSED)
        _check(client.create_acls(rights(link, org)).get("failed") or [])
        if not known or rotate or _fresh(file).exists():
            _give_password(client, user, file)
    return {"org": org, "topic": link.inbox(org), "user": user, "password_file": str(file)}


def _give_password(client: Any, user: str, file: Path) -> None:
    """Written before the cluster knows it, and under its name after: killed in between, the next call goes on with the
    same one, so a file never holds another password than the cluster's."""
    fresh = _fresh(file)
    if not fresh.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(fresh, secrets.token_urlsafe(24))
    told = client.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, fresh.read_text("ascii"))]
    )
    _check([each for each in told.values() if each])
    fresh.replace(file)


def _fresh(file: Path) -> Path:
    return file.with_name(file.name + ".fresh")


def let_out(link: Link, org: str, folder: Path) -> None:
    """Takes user and rights away; what lies in the topics stays to its term. Again is nothing."""
    user = link.partner(org)
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    with admin(link) as client:
        client.delete_acls([ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, anything)])
        if _known(client, user):
            client.alter_user_scram_credentials([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)])
    file = folder / f"{user}.password"
    for left in (file, _fresh(file)):
        left.unlink(missing_ok=True)


def rights(link: Link, org: str) -> list[ACL]:
    inbox = ResourcePattern(ResourceType.TOPIC, link.inbox(org))
    refused = ResourcePattern(ResourceType.TOPIC, link.refused(org))
    groups = ResourcePattern(ResourceType.GROUP, link.groups(org), ACLResourcePatternType.PREFIXED)
    return [
        ACL(f"User:{link.partner(org)}", "*", operation, ACLPermissionType.ALLOW, resource)
        for operation, resource in (
            (ACLOperation.WRITE, inbox),
            (ACLOperation.READ, refused),
            (ACLOperation.READ, groups),
        )
    ]


def _known(client: Any, user: str) -> bool:
    """Whether the cluster has credentials of this user."""
    found = client.describe_user_scram_credentials([user]).get(user, {})
    return bool(found.get("credential_infos"))


def _check(failed: list[Any]) -> None:
    if failed:
        raise Unreachable("Kafka did not take the partner's user or rights.", "Look at the broker's log; try again.")
