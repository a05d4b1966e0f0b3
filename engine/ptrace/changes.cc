#include "engine/ptrace/changes.h"

#include <string_view>
#include <sys/stat.h>

#include "engine/ptrace/tracer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::uint64_t kRemoveDirectory = 0x200;  // AT_REMOVEDIR

/// The call may give a directory another name, or none.
bool moves_directories(const CallFrame& frame) {
  switch (frame.sys()) {  // NOLINT: no other call does
    case Sys::rename:
    case Sys::renameat:
    case Sys::renameat2:
    case Sys::rmdir:
      return true;
    case Sys::unlinkat:
      return (frame.arg(2) & kRemoveDirectory) != 0;
    default:
      return false;
  }
}

/// The entry is a symlink, or a directory where those count; so it is if nobody can tell.
bool is_link(const std::optional<Resolved>& resolved, bool or_directory) {
  if (!resolved) return true;
  const auto status = lstat_of(resolved->seen());
  return status && (S_ISLNK(status->st_mode) || (or_directory && S_ISDIR(status->st_mode)));
}

/// The mode closes directory `host` to somebody (gate::hides_names).
bool hides_entries(std::uint64_t mode, const std::string& host) {
  if (!gate::hides_names(mode)) return false;
  const auto status = stat_of(host);
  return status && S_ISDIR(status->st_mode);
}

/// Some guest's working directory has the name of what `text` names: it may be the same one.
bool may_be_working_directory(CallFrame& frame, std::string_view text) {
  text = text.substr(0, text.find_last_not_of('/') + 1);
  const std::string_view name = text.substr(text.rfind('/') + 1);
  bool found = false;
  frame.tracer().threads.for_each([&](const Thread& thread) {
    const std::string_view host = thread.files->directory->host;
    found = found || host.substr(host.rfind('/') + 1) == name;
  });
  return found;
}

/// Of rmdir(2): somebody may be in the directory, or another one of its name have another inode
/// (FastPath::learn_ways).
bool ends_directory(CallFrame& frame, const CallPaths& found) {
  const auto& removed = found.resolved[0];
  const auto leads_to = [&](const Binding& binding) {
    return removed && removed->guest.contains(binding.guest);
  };
  const auto& bindings = frame.tracer().view(frame.thread()).bindings();
  return may_be_working_directory(frame, found.texts[0]) ||
         std::any_of(bindings.begin(), bindings.end(), leads_to);
}

/// What was answered of paths before may be wrong once the call has succeeded.
bool changes_answers(CallFrame& frame, const CallPaths& found) {
  const auto& [first, second] = found.resolved;
  switch (frame.sys()) {  // NOLINT: no other call does
    case Sys::symlink:
    case Sys::symlinkat:
      return true;
    case Sys::link:
    case Sys::linkat:
    case Sys::unlink:
      return is_link(first, false);
    case Sys::unlinkat:
      if (frame.arg(2) & kRemoveDirectory) return ends_directory(frame, found);
      return is_link(first, false);
    case Sys::rmdir:
      return ends_directory(frame, found);
    case Sys::rename:
    case Sys::renameat:
    case Sys::renameat2:
      return is_link(first, true) || is_link(second, true);
    case Sys::chmod:
      return first && hides_entries(frame.arg(1), first->seen());
    case Sys::fchmodat:
    case Sys::fchmodat2:
      return first && hides_entries(frame.arg(2), first->seen());
    default:
      return false;
  }
}

/// Nobody may be told the old answer once the guest knows that the call has ended.
void end_answers(CallFrame& frame) {
  frame.thread().changes_links = true;
  if (!frame.has_exit_handler()) frame.at_exit([](CallFrame&) {});
}

}  // namespace

void note_changes_of_descriptor(CallFrame& frame) {
  if (frame.sys() != Sys::fchmod || !frame.tracer().fast) return;
  const std::string link =
      "/proc/" + std::to_string(frame.thread().id) + "/fd/" + std::to_string(frame.descriptor(0));
  if (hides_entries(frame.arg(1), link)) end_answers(frame);
}

void note_changes(CallFrame& frame, const CallPaths& found) {
  if (frame.tracer().fast && changes_answers(frame, found)) end_answers(frame);
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    if (!found.resolved[i] || found.paths.list[i].last != LastComponent::entry) continue;
    if (found.paths.list[i].creates) continue;  // open(2) makes no link
    frame.tracer().begin_change(frame.thread(), found.resolved[i]->host);
  }
  if (moves_directories(frame)) frame.tracer().begin_directory_moves(frame.thread());
}

}  // namespace nestp
