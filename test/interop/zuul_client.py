"""What a Zuul scheduler does with node requests, by Zuul's own classes: SERVERS CA CERT KEY.

Reads one command a line from standard input, a JSON object with `do` and arguments, and answers each with one line: what
came of it, or {"error": …}. Works with the classes of every release from 3.19 on.
"""
import json
import sys
import threading
import traceback
from configparser import ConfigParser
from types import SimpleNamespace

from zuul import model
from zuul.nodepool import Nodepool

PATIENCE_S = 60
SHOWN = ("id", "state", "interface_ip", "connection_port", "host_keys", "provider", "username")


class Ended:
    """The requests that have come to an end; the news may be there before its requestor asks."""

    def __init__(self):
        self.changed = threading.Condition()
        self.names = set()

    def tell(self, name):
        with self.changed:
            self.names.add(name)
            self.changed.notify_all()

    def wait(self, name):
        with self.changed:
            if not self.changed.wait_for(lambda: name in self.names, PATIENCE_S):
                raise RuntimeError(f"request {name} has not ended after {PATIENCE_S} s")


class Scheduler:
    """Releases in which the scheduler has one connection for everything."""

    def __init__(self, servers, ca, cert, key):
        from zuul.zk import ZooKeeper

        self.zk = ZooKeeper(enable_cache=True)
        self.zk.connect(servers, tls_cert=cert, tls_key=key, tls_ca=ca)
        self.hostname = "zuul"
        self.statsd = None
        self.nodepool = Nodepool(self)
        self.ended = Ended()

    def onNodesProvisioned(self, request):
        self.ended.tell(request.uid)

    def request(self, job, relative_priority):
        request = self.nodepool.requestNodes(None, job, relative_priority)
        return request, request.nodeset

    def wait(self, request):
        self.ended.wait(request.uid)
        return request

    def fresh(self, request):
        return request

    def accept(self, request, _nodeset):
        self.nodepool.acceptNodes(request, request.id)
        if request.failed:
            raise RuntimeError("the nodes were not accepted")

    def use(self, nodeset):
        self.nodepool.useNodeSet(nodeset)

    def give_back(self, nodeset):
        self.nodepool.returnNodeSet(nodeset)

    def hold(self, nodeset, request):
        self.zk.storeHoldRequest(request)
        self.nodepool.holdNodeSet(nodeset, request, SimpleNamespace(uuid="build"))


class Component:
    """Releases that keep everything in ZooKeeper."""

    def __init__(self, servers, ca, cert, key):
        from zuul.zk import ZooKeeperClient
        from zuul.zk.nodepool import ZooKeeperNodepool

        set_up_tracing()
        self.client = ZooKeeperClient(servers, tls_cert=cert, tls_key=key, tls_ca=ca)
        self.client.connect()
        self.nodepool = Nodepool(self.client, "zuul", None)
        self.zk = self.nodepool.zk_nodepool
        self.ended = Ended()
        self.watching = ZooKeeperNodepool(
            self.client, enable_node_request_cache=True, node_request_event_callback=self.on_event
        )

    def on_event(self, request, event):
        if event.name == "COMPLETED":
            self.ended.tell(request.id)

    def request(self, job, relative_priority):
        names = ("build set", job, "tenant", "pipeline", None, 200, relative_priority)
        return self.nodepool.requestNodes(*names), job.nodeset.copy()

    def wait(self, request):
        self.ended.wait(request.id)
        return self.zk.getNodeRequest(request.id)

    def fresh(self, request):
        return self.zk.getNodeRequest(request.id)

    def accept(self, request, nodeset):
        self.nodepool.acceptNodes(request, nodeset)

    def use(self, nodeset):
        self.nodepool.useNodeSet(nodeset, "tenant", "project")

    def give_back(self, nodeset):
        self.nodepool.returnNodeSet(nodeset, SimpleNamespace(uuid="build"), "tenant", "project", 1)

    def hold(self, nodeset, request):
        self.zk.storeHoldRequest(request)
        self.nodepool.holdNodeSet(nodeset, request, SimpleNamespace(uuid="build"), 1)


def set_up_tracing():
    """As every component does at its start; without it newer releases cannot make a request."""
    try:
        from zuul.lib.tracing import Tracing
    except ImportError:
        return
    Tracing(ConfigParser())


def open_zuul(*args):
    try:
        from zuul.zk import ZooKeeper  # noqa: F401
    except ImportError:
        return Component(*args)
    return Scheduler(*args)


def make_job(labels):
    nodeset = model.NodeSet()
    for number, label in enumerate(labels):
        nodeset.addNode(model.Node([f"node-{number}"], label))
    return SimpleNamespace(name="job", uuid="job", nodeset=nodeset)


class Commands:
    def __init__(self, zuul):
        self.zuul = zuul
        self.requests = {}
        self.nodesets = {}

    def request(self, labels, relative_priority=0):
        request, nodeset = self.zuul.request(make_job(labels), relative_priority)
        self.requests[request.id] = request
        self.nodesets[request.id] = nodeset
        return {"id": request.id}

    def wait(self, id):
        sent = getattr(self.requests[id], "span_info", None)
        self.requests[id] = self.zuul.wait(self.requests[id])
        kept = getattr(self.requests[id], "span_info", None)
        if kept != sent:  # newer releases end the span of the request with it
            raise RuntimeError(f"the request came back with the span {kept}, not {sent}")
        return {"state": self.requests[id].state}

    def accept(self, id):
        self.zuul.accept(self.requests[id], self.nodesets[id])
        nodes = self.nodesets[id].getNodes()
        return {"nodes": [{name: getattr(node, name, None) for name in SHOWN} for node in nodes]}

    def use(self, id):
        self.zuul.use(self.nodesets[id])

    def give_back(self, id):
        self.zuul.give_back(self.nodesets[id])

    def revise(self, id, relative_priority):
        self.zuul.nodepool.reviseRequest(self.zuul.fresh(self.requests[id]), relative_priority)

    def cancel(self, id):
        self.zuul.nodepool.cancelRequest(self.requests[id])

    def hold(self, id, reason):
        request = model.HoldRequest()
        request.tenant, request.project, request.job = "tenant", "example.org/project", "job"
        request.ref_filter, request.reason, request.node_expiration = ".*", reason, 86400
        self.zuul.hold(self.nodesets[id], request)
        self.zuul.nodepool.unlockNodeSet(self.nodesets[id])


commands = Commands(open_zuul(*sys.argv[1:]))
for line in sys.stdin:
    args = json.loads(line)
    try:
        answer = getattr(commands, args.pop("do"))(**args) or {}
    except Exception as error:
        traceback.print_exc()
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
