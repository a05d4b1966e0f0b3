#include "cli/doctor.h"

#include <cstdio>
#include <unistd.h>

#include "cli/child.h"
#include "cli/diagnose.h"
#include "cli/image/download.h"
#include "cli/json_text.h"
#include "cli/output.h"
#include "cli/run.h"
#include "engine/backend.h"
#include "engine/namespace/id_map.h"
#include "fs/fd.h"
#include "fs/mount_flags.h"

namespace nestp {
namespace {

Guest plain_guest() {
  Guest guest{.view = View::make({Binding{.host = HostPath::root(), .guest = GuestPath::root()}})};
  guest.exact = false;
  return guest;
}

Finding examine_backend(const Backend& backend, const Guest& guest) {
  Finding finding{.subject = "backend " + std::string(backend.name()), .works = true, .text = {}};
  std::vector<std::string> refusals = backend.refusals(guest);
  if (backend.name() == "ptrace") {
    if (const auto cause = diagnose_tracing(probe_tracing())) refusals.push_back(cause->message);
  }
  finding.works = refusals.empty();
  finding.text = refusals.empty() ? "usable here" : refusals.front();
  return finding;
}

/// Nothing that anybody could mend, but it explains how fast the ptrace backend is.
void examine_processor(std::vector<Finding>& findings) {
  if (processor_has_fast_path()) return;
  findings.push_back({.subject = "fast path",
                      .works = false,
                      .text = "not on this processor: under the ptrace backend every call with a "
                              "path stops, most of them twice"});
}

Finding examine_subordinate_ids() {
  Finding finding{.subject = "subordinate ids", .works = false, .text = {}};
  const auto text = read_file("/etc/subuid");
  const char* const user = std::getenv("USER");
  const auto ranges = text ? parse_subordinate(*text, user == nullptr ? "" : user, ::getuid())
                           : std::vector<IdRange>{};
  if (::geteuid() == 0) {
    finding.works = true;
    finding.text = "not needed by root";
  } else if (!is_in_path("newuidmap") || !is_in_path("newgidmap")) {
    finding.text =
        "newuidmap or newgidmap is missing, so a user namespace has your own id only; root can "
        "install the package uidmap";
  } else if (ranges.empty()) {
    finding.text =
        "/etc/subuid has no range for you, so a user namespace has your own id only; root can "
        "give you one: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 YOU";
  } else {
    finding.works = true;
    finding.text = "/etc/subuid has a range for you";
  }
  return finding;
}

Finding examine_directory(const std::string& subject, const char* path) {
  Finding finding{.subject = subject, .works = true, .text = std::string(path) + " takes programs"};
  const auto forbidden = on_noexec_mount(path);
  if (!forbidden || !*forbidden) return finding;
  finding.works = false;
  finding.text = std::string(path) +
                 " is mounted noexec: the namespace backend cannot run programs there; use "
                 "--backend=ptrace, or have it mounted without noexec";
  return finding;
}

Finding examine_downloads() {
  Finding finding{.subject = "downloads", .works = true, .text = {}};
  if (libcurl_failure().empty()) {
    finding.text = "by libcurl";
  } else if (is_in_path("curl")) {
    finding.text = "by the host's curl: " + libcurl_failure();
  } else if (is_in_path("wget")) {
    finding.text = "by the host's wget: " + libcurl_failure();
  } else {
    finding.works = false;
    finding.text =
        "neither libcurl nor curl nor wget is there; install one, or give images as files";
  }
  return finding;
}

}  // namespace

std::vector<Finding> examine_machine() {
  std::vector<Finding> findings;
  const Guest guest = plain_guest();
  for (const auto& backend : all_backends())
    findings.push_back(examine_backend(*backend, guest));
  examine_processor(findings);
  findings.push_back(examine_subordinate_ids());
  const char* const home = std::getenv("HOME");
  if (home != nullptr) findings.push_back(examine_directory("home", home));
  findings.push_back(examine_directory("temporary files", "/tmp"));
  findings.push_back(examine_downloads());
  return findings;
}

std::string findings_text(std::span<const Finding> findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += (finding.works ? "ok    " : "no    ") + finding.subject + ": " + finding.text + '\n';
  }
  return text;
}

std::string findings_json(std::span<const Finding> findings) {
  std::string text = "{\"findings\": [";
  for (const Finding& finding : findings) {
    text += (&finding == findings.data() ? "\n" : ",\n");
    text += "  {\"subject\": " + json_string(finding.subject) +
            ", \"works\": " + (finding.works ? "true" : "false") +
            ", \"text\": " + json_string(finding.text) + "}";
  }
  return text + "\n]}\n";
}

int run_doctor(std::span<const std::string> words) {
  const bool wants_json = words.size() == 1 && words[0] == "--json";
  if (!words.empty() && !wants_json) {
    return fail("doctor takes no words but --json, not '" + words[0] + "'", exit_not_started);
  }
  const auto findings = examine_machine();
  print(wants_json ? findings_json(findings) : findings_text(findings));
  for (const Finding& finding : findings) {
    if (finding.works && finding.subject.starts_with("backend ")) return 0;
  }
  return 1;
}

}  // namespace nestp
