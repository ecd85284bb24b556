"""One measured figure as one JSON line: what, value, unit, peer, peer_value, ratio, machine, and whatever else is given."""
import json, os, platform


def machine():
    for line in open("/proc/cpuinfo") if os.path.exists("/proc/cpuinfo") else []:
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return platform.machine()


def figure(what, value, unit, peer=None, peer_value=None, **more):
    """A peer without a value did not run, and is left out."""
    ratio = round(value / peer_value, 2) if peer_value else None
    print(json.dumps({"what": what, "value": float(f"{value:.4g}"), "unit": unit, "peer": peer if peer_value else None,
                      "peer_value": peer_value and float(f"{peer_value:.4g}"), "ratio": ratio, "machine": machine(), **more}), flush=True)
