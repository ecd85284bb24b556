#include "engine/data/filters/pii.h"

#include <set>

#include "base/json.h"
#include "engine/data/sample_text.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

std::string scrubbed(const std::string& text, PiiParams params = {}) {
  TextAnalysis analysis(text);
  const Judgement judgement = PiiFilter(params).judge(Document{}, analysis);
  return judgement.action == Judgement::Action::edit ? judgement.text : text;
}
std::string apertus(const std::string& text) {
  PiiParams params;
  params.apertus = true;
  return scrubbed(text, params);
}

}  // namespace

TEST_CASE("pii: the cases that were measured on Apertus' patterns (spec/data.md §1.3)") {
  CHECK(apertus("CH93 0076 2011 6238 5295 7") == "<iban-pii>");
  CHECK(apertus("DE89 3704 0044 0532 0130 00.") == "<iban-pii>.");
  CHECK(apertus("CH9300762011623852957") == "CH9300762011623852957");
  CHECK(apertus("GB29 NWBK 6016 1331 9268 19") == "GB29 NWBK 6016 1331 9268 19");
  CHECK(apertus("1.2.3.4.5") == "<ip-pii>.5");
  CHECK(apertus("v10.2.3.45") == "v<ip-pii>");
  CHECK(apertus("300.1.1.1") == "3<ip-pii>");
  CHECK(apertus("1.2.3.256") == "<ip-pii>6");
}

TEST_CASE("pii: each distinct match of Apertus' patterns is replaced wherever it occurs") {
  CHECK(apertus("10.0.0.1 and 210.0.0.1") == "<ip-pii> and 2<ip-pii>");
  CHECK(apertus("a@b.ch, then xa@b.ch") == "<email-pii>, then x<email-pii>");
  CHECK(apertus("xa@b.ch, then a@b.ch") == "<email-pii>, then <email-pii>");
}

TEST_CASE("pii: e-mail addresses") {
  CHECK(scrubbed("write to Jane.Doe+x@mail.example-site.org.") == "write to <email-pii>.");
  CHECK(scrubbed("<owner@bugs.debian.org>") == "<<email-pii>>");
  CHECK(scrubbed("user@[10.1.2.3] here") == "<email-pii> here");
  CHECK(scrubbed("a@b is no address, nor @example.org, nor a@b..c") == "a@b is no address, nor @example.org, nor a@b..c");
  CHECK(scrubbed("a..b@c.de") == "a..<email-pii>");
  CHECK(scrubbed("x@y.z-") == "<email-pii>-");
  CHECK(scrubbed("\xc3\xa9t\xc3\xa9@example.org") ==
        "\xc3\xa9t\xc3\xa9@example.org");  // 'é' is a letter before '@': no boundary in reach
  CHECK(scrubbed("a@b.c@d.e") == "<email-pii>@d.e");
  CHECK(scrubbed("@") == "@");
  CHECK(scrubbed(std::string(100'000, '@')) == std::string(100'000, '@'));
}

TEST_CASE("pii: IP addresses that stand alone") {
  CHECK(scrubbed("from 192.168.0.1:80 to 8.8.8.8.") == "from <ip-pii>:80 to <ip-pii>.");
  CHECK(scrubbed("version 1.2.3.4.5 and v10.2.3.45 and 300.1.1.1 and 1.2.3.256") ==
        "version 1.2.3.4.5 and v10.2.3.45 and 300.1.1.1 and 1.2.3.256");
  CHECK(scrubbed("2001:db8:85a3::8a2e:370:7334 and fe80::1 and ::ffff:1.2.3.4") == "<ip-pii> and <ip-pii> and <ip-pii>");
  CHECK(scrubbed("2001:0db8:85a3:0000:0000:8a2e:0370:7334/64") == "<ip-pii>/64");
  CHECK(scrubbed("at 12:34:56, std::dec, Feed::Add, 00:11:22:33:44:55, ::, a::b") ==
        "at 12:34:56, std::dec, Feed::Add, 00:11:22:33:44:55, ::, a::b");
  CHECK(scrubbed("1:2:3:4:5:6:7:8:9") == "1:2:3:4:5:6:7:8:9");
  CHECK(scrubbed("1::2::3") == "1::2::3");
  PiiParams params;
  params.public_ips_only = true;
  CHECK(scrubbed("10.0.0.1 192.168.1.1 127.0.0.1 203.0.113.9 8.8.4.4 fe80::1 2a00:1450::8", params) ==
        "10.0.0.1 192.168.1.1 127.0.0.1 203.0.113.9 <ip-pii> fe80::1 <ip-pii>");
}

TEST_CASE("pii: an IBAN needs a known country, its length and its checksum") {
  CHECK(scrubbed("CH93 0076 2011 6238 5295 7") == "<iban-pii>");
  CHECK(scrubbed("IBAN: CH9300762011623852957, please") == "IBAN: <iban-pii>, please");
  CHECK(scrubbed("GB29 NWBK 6016 1331 9268 19") == "<iban-pii>");
  CHECK(scrubbed("NL91ABNA0417164300") == "<iban-pii>");
  CHECK(scrubbed("FR14 2004 1010 0505 0001 3M02 606") == "<iban-pii>");
  CHECK(scrubbed("CH94 0076 2011 6238 5295 7") == "CH94 0076 2011 6238 5295 7");  // checksum
  CHECK(scrubbed("XX93 0076 2011 6238 5295 7") == "XX93 0076 2011 6238 5295 7");  // country
  CHECK(scrubbed("CH93 0076 2011 6238 5295") == "CH93 0076 2011 6238 5295");      // length
  CHECK(scrubbed("ACH9300762011623852957") == "ACH9300762011623852957");          // inside a word
}

TEST_CASE("pii: kinds can be switched off, and the reason counts them") {
  PiiParams params;
  params.ips = false;
  CHECK(scrubbed("1.2.3.4 a@b.ch", params) == "1.2.3.4 <email-pii>");
  TextAnalysis analysis("a@b.ch c@d.ch 1.2.3.4");
  CHECK(PiiFilter({}).judge(Document{}, analysis).reason == "2 e-mail addresses, 1 IP address");
}

TEST_CASE("samples of texts: whole characters, markers for identifiers, also for one that the cut goes through") {
  CHECK(sample_text("", 10) == "");
  CHECK(sample_text("short", 10) == "short");
  CHECK(sample_text("a longer text", 8) == "a longer");
  CHECK(sample_text("caf\xc3\xa9s", 4) == "caf");
  CHECK(sample_text("caf\xc3\xa9s", 5) == "caf\xc3\xa9");
  const std::string text = "Write to someone@example.org, or to 192.0.2.7 in DE89 3704 0044 0532 0130 00.";
  CHECK(sample_text(text, 1000) == "Write to <email-pii>, or to <ip-pii> in <iban-pii>.");
  CHECK(sample_text(text, 9) == "Write to ");
  for (std::size_t bytes = 10; bytes <= 28; ++bytes) CHECK(sample_text(text, bytes) == "Write to <email-pii>");
  CHECK(sample_text(text, 29) == "Write to <email-pii>,");
}

TEST_CASE("pii: labelled e-mail, IP and IBAN spans of synthetic sentences are found") {
  REQUIRE_SHARED(shared);
  int labelled = 0, found = 0, others = 0;
  for (const char* file : {"presidio_synth_v2.json", "presidio_generated_small.json"}) {
    for (const Json& sample : read_json(shared / "data/pii" / file)) {
      const std::string text = sample["full_text"].get<std::string>();
      const std::vector<PiiSpan> spans = find_pii(text, {});
      std::set<std::string> hits;
      for (const PiiSpan& span : spans) hits.insert(text.substr(span.begin, span.end - span.begin));
      std::size_t expected = 0;
      for (const Json& label : sample["spans"]) {
        const std::string type = label["entity_type"].get<std::string>(), value = label["entity_value"].get<std::string>();
        if (type != "EMAIL_ADDRESS" && type != "IP_ADDRESS" && type != "IBAN_CODE") continue;
        ++expected;
        ++labelled;
        const bool hit = hits.count(value) > 0;
        found += hit;
        if (!hit) MESSAGE(type << ": " << value);
      }
      others += hits.size() > expected;
    }
  }
  REQUIRE(labelled > 80);
  CHECK(found >= labelled * 98 / 100);
  CHECK(others <= 2);
}
