#include "fs/proc_links.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace nestp {
namespace {

constexpr std::string_view kProcPrefix = "/proc/";

/// A decimal process id as procfs accepts it (no sign, no leading zero), or 0.
pid_t process_id(std::string_view text) {
  if (text.empty() || text[0] < '1' || text[0] > '9') return 0;
  pid_t id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  return failure == std::errc() && end == text.data() + text.size() ? id : 0;
}

std::string_view next_component(std::string_view& rest) {
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  const std::string_view component = rest.substr(0, rest.find('/'));
  rest.remove_prefix(component.size());
  return component;
}

/// A place below /proc/PID or /proc/PID/task/TID, both of which have the same entries.
struct ProcessDirectory {
  pid_t process = 0;
  pid_t thread = 0;
  std::string_view rest{};  ///< below it, without leading slash; empty: the directory itself
};

ProcessDirectory process_directory(std::string_view host) {
  if (!host.starts_with(kProcPrefix)) return {};
  std::string_view rest = host.substr(kProcPrefix.size());
  ProcessDirectory found{.process = process_id(next_component(rest))};
  if (found.process == 0) return {};
  std::string_view inner = rest;
  if (next_component(inner) == "task") {
    found.thread = process_id(next_component(inner));
    if (found.thread != 0) rest = inner;
  }
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  found.rest = rest;
  return found;
}

ProcName name_in_process(std::string_view directory, std::string_view name) {
  if (directory.empty()) {
    if (name == "exe") return ProcName::executable;
    if (name == "root") return ProcName::root;
    if (name == "cwd") return ProcName::object;
    return ProcName::plain;
  }
  if (directory == "fd" || directory == "map_files" || directory == "ns") return ProcName::object;
  // Below net and sys lie files of other makers.
  return directory == "task" || directory == "fdinfo" ? ProcName::plain : ProcName::unknown;
}

struct ProcTextRow {
  std::string_view name;
  ProcText text;
};
constexpr std::array kProcTexts = {
    ProcTextRow{"maps", ProcText::maps},           ProcTextRow{"smaps", ProcText::smaps},
    ProcTextRow{"numa_maps", ProcText::numa_maps}, ProcTextRow{"mounts", ProcText::mounts},
    ProcTextRow{"mountinfo", ProcText::mountinfo}, ProcTextRow{"mountstats", ProcText::mountstats},
    ProcTextRow{"status", ProcText::status},       ProcTextRow{"stat", ProcText::stat},
};

}  // namespace

ProcLink proc_link(std::string_view host, std::string_view name) {
  if (host == "/proc") {
    if (name == "self") return {.name = ProcName::self};
    if (name == "thread-self") return {.name = ProcName::thread_self};
    return {.name = process_id(name) != 0 ? ProcName::plain : ProcName::unknown};
  }
  const ProcessDirectory at = process_directory(host);
  if (at.process == 0) return {};
  return {.name = name_in_process(at.rest, name), .process = at.process, .thread = at.thread};
}

ProcFile proc_file(std::string_view host) {
  if (host == "/proc/mounts") return {.text = ProcText::mounts};
  const ProcessDirectory at = process_directory(host);
  if (at.process == 0) return {};
  const auto row =
      std::find_if(kProcTexts.begin(), kProcTexts.end(),
                   [&](const ProcTextRow& candidate) { return candidate.name == at.rest; });
  if (row == kProcTexts.end()) return {};
  return {.text = row->text, .process = at.process, .thread = at.thread};
}

}  // namespace nestp
