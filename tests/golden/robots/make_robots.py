"""What Protego 0.4.0 decides (pip install protego==0.4.0; Python 3.11), on 410 real robots.txt files and on hard cases.

    python make_robots.py ../../../../shared/data/robots/real > protego.json

For each real file: the paths that it names, made into addresses, and some of our own; for each agent one character a URL ('1' it
may fetch it, '0' it may not, 'x' Protego fails). The test makes the same addresses from the same files, in the same way."""
import json, pathlib, re, sys
from protego import Protego

AGENTS = ["CCBot/2.0", "GPTBot", "Googlebot-News", "*"]
CASES = [
    "User-agent: *\nDisallow: /a=b\nAllow: /a?b=c$\nDisallow: /x;y?\n", "user agent: CCBot\ndisallow /x\nDisallow: /y\n",
    "User-agent: CC*\nDisallow: /\n\nUser-agent: CCBot\nAllow: /p\n", "User-agent: a\nUser-agent: *\nDisallow: /*.php$\nAllow: /index.html\n",
    "User-agent: *\nDisallow: http://h.org/x\nDisallow: //y\nDisallow: /%7Ejoe/%2fx/\u00e9%C3%A9\n", "\ufeffUser-agent: *\nDisallow: /\n",
    "User-agent: *\nDisallow:\nUser-agent: GPTBot\nDisallow: /\n", "User-agent: *\nSitemap: x\nUser-agent: ccbot\nDisallow: /a$b\nAllow: /a$\n",
    "User-agent: *\nCrawl-delay: 1\nUser-agent: GPTBot\nDisallow: /c\n", "Disallow: /\nUser-agent: *\nAllow: /*a*b*c$\nDisallow: /a\n",
    "User-agent: *\nDisallow: foo:bar\nDisallow: *?q=*\nAllow: /[x\n", "User-agent: *\r\rDisallow: /x\u2028Disallow: /y\x0bDisallow: /a\n",
]
URLS = ["http://h.org", "http://h.org/", "http://h.org/a=b", "http://h.org/a?b=c", "http://h.org/x;y", "http://h.org/x;y?", "http://h.org/x;y?z",
        "http://h.org/y", "http://h.org//y/z", "http://h.org/p", "http://h.org/index.php", "http://h.org/index.html", "http://h.org/http://h.org/x",
        "http://h.org/~joe/%2Fx/%c3%a9\u00e9", "http://h.org/a$b", "http://h.org/a", "http://h.org/c#d", "http://h.org/aXbYc", "http://h.org/aXbYcd",
        "http://h.org/?q=1", "http://h.org/bar", "http://h.org/z?q=*", "http://[h.org/a", "h.org/a", "http://h.org/%zz%4", "http://h.org/\u65e5 x"]


def urls_of(host, text):
    """Addresses from the first 40 values of rules, as the test finds them: what follows 'llow:' on lines ended by '\\n'."""
    values = [m.strip() for m in re.findall(r"(?i)llow:([^\r\n#]*)", text)][:40]
    urls = []
    for value in values:
        path = value.replace("*", "x").replace("$", "")
        urls.append(f"http://{host}{path if path.startswith('/') else '/' + path}")
        urls.append(f"http://{host}{path if path.startswith('/') else '/' + path}tail?q=1")
    return urls + [f"http://{host}/", f"http://{host}/index.html", f"http://{host}/a/b.php?x=y&z=1"]


def decide(text, urls):
    try:
        rules = Protego.parse(text)
    except Exception:
        return ["x" * len(urls)] * len(AGENTS)
    out = []
    for agent in AGENTS:
        line = ""
        for url in urls:
            try:
                line += "1" if rules.can_fetch(url, agent) else "0"
            except Exception:
                line += "x"
        out.append(line)
    return out


def main(folder):
    real = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        text = path.read_bytes().decode("utf-8", "replace")
        real[path.name] = decide(text, urls_of(path.name, text))
    cases = [{"robots": text, "decisions": decide(text, URLS)} for text in CASES]
    json.dump({"agents": AGENTS, "urls": URLS, "cases": cases, "real": real}, sys.stdout, indent=0, ensure_ascii=True)
    print()


main(sys.argv[1])
