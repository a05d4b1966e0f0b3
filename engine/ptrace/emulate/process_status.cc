#include "engine/ptrace/emulate/process_status.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::uint64_t kTraceCapability = 1ULL << 19;  // CAP_SYS_PTRACE

/// Text behind "\nname:" up to the end of the line.
std::optional<std::string> field(std::string_view text, std::string_view name) {
  const std::string key = "\n" + std::string(name) + ":";
  const std::size_t at = text.find(key);
  if (at == text.npos) return std::nullopt;
  const std::string_view rest = text.substr(at + key.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

bool read_numbers(const std::string& text, std::array<std::uint32_t, 4>& numbers) {
  const char* at = text.c_str();
  for (std::uint32_t& number : numbers) {
    char* end = nullptr;
    number = static_cast<std::uint32_t>(std::strtoul(at, &end, 10));
    if (end == at) return false;
    at = end;
  }
  return true;
}

}  // namespace

std::optional<ProcessStatus> parse_process_status(std::string_view text) {
  const auto parent = field(text, "PPid");
  const auto users = field(text, "Uid");
  const auto groups = field(text, "Gid");
  const auto capabilities = field(text, "CapEff");
  if (!parent || !users || !groups || !capabilities) return std::nullopt;
  ProcessStatus status;
  status.parent = static_cast<pid_t>(std::strtol(parent->c_str(), nullptr, 10));
  status.capabilities = std::strtoull(capabilities->c_str(), nullptr, 16);
  if (!read_numbers(*users, status.users) || !read_numbers(*groups, status.groups)) {
    return std::nullopt;
  }
  return status;
}

std::optional<ProcessStatus> process_status(pid_t id) {
  const auto text = read_file("/proc/" + std::to_string(id) + "/status");
  if (!text) return std::nullopt;
  return parse_process_status(*text);
}

std::optional<ProcessTimes> parse_process_times(std::string_view text) {
  // utime and stime are fields 14 and 15; the name, field 2, may hold anything but ends last.
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 14 && at != text.npos; ++field)
    at = text.find(' ', at + 1);
  if (at == text.npos) return std::nullopt;
  const std::string rest(text.substr(at));
  char* end = nullptr;
  ProcessTimes times;
  times.user = std::strtoull(rest.c_str(), &end, 10);
  times.system = std::strtoull(end, nullptr, 10);
  return times;
}

ProcessTimes split_time(const ProcessTimes& ticks, std::uint64_t total) {
  if (ticks.user == 0) return {.user = 0, .system = total};
  if (ticks.system == 0) return {.user = total, .system = 0};
  const double share =
      static_cast<double>(ticks.system) / static_cast<double>(ticks.user + ticks.system);
  const auto system = static_cast<std::uint64_t>(static_cast<double>(total) * share);
  return {.user = total - system, .system = system};
}

bool may_trace(const ProcessStatus& tracer, const ProcessStatus& target) {
  if (tracer.capabilities & kTraceCapability) return true;
  const auto all_are = [](const std::array<std::uint32_t, 4>& ids, std::uint32_t own) {
    return std::all_of(ids.begin(), ids.begin() + 3, [own](std::uint32_t id) { return id == own; });
  };
  return all_are(target.users, tracer.users[0]) && all_are(target.groups, tracer.groups[0]);
}

}  // namespace nestp
