// What the fast path is taught: which answers hold for every later call of the same words.
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/fast/fast_path.h"
#include "engine/ptrace/special/proc_content.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

using gate::EntryKind;
using gate::FastKind;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool has_parent_step(const std::string& text) {
  return text == ".." || text.starts_with("../") || text.ends_with("/..") ||
         text.find("/../") != text.npos;
}

/// What stands before the last slash: "/" for "/name".
std::string prefix_of(const std::string& text, std::size_t slash) {
  return slash == 0 ? "/" : text.substr(0, slash);
}

std::string without_last_slash(const std::string& path) {
  return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

/// Flags of the working directory, of whose binding nothing is known here.
std::uint32_t start_flags(const View& view) {
  return view.has_read_only() ? gate::kEntryReadOnly : 0;
}

}  // namespace

std::optional<Resolved> FastPath::resolve(const Place& place, const std::string& text,
                                          LastLink last) {
  ResolveFrom from = tracer_.asker(place.thread, std::nullopt);
  if (text.front() != '/') {
    Tracer::Directory base = tracer_.working_directory(place.thread);
    if (!base.guest) return std::nullopt;
    from.base = std::move(base.guest);
    from.base_host = std::move(base.host);
  }
  auto resolved = tracer_.resolver.resolve(from, text, last);
  if (!resolved || resolved->host.empty() || resolved->host.front() != '/' ||
      resolved->binding == nullptr || resolved->magic || resolved->is_executable_link ||
      is_in_proc(resolved->host)) {
    return std::nullopt;
  }
  return std::move(*resolved);
}

/// Where guests of several users share the memo, nobody may learn by it of what lies behind
/// a directory that he must not search.
bool FastPath::everyone_may_search(const Place& place, const std::string& text) {
  constexpr mode_t kSearch = S_IXUSR | S_IXGRP | S_IXOTH;
  for (std::size_t end = text.find('/', 1);; end = text.find('/', end + 1)) {
    const auto resolved = resolve(place, text.substr(0, end), LastLink::follow);
    if (!resolved) return false;
    const auto status = stat_of(resolved->host);
    if (!status || (S_ISDIR(status->st_mode) && (status->st_mode & kSearch) != kSearch)) {
      return false;
    }
    if (end == text.npos) return true;
  }
}

bool FastPath::may_be_shared(const Place& place, const std::string& text,
                             const Resolved& resolved) {
  if (!has_privilege_ || resolved.unchanged || resolved.guest.text() == text) return true;
  return everyone_may_search(place, text);
}

/// Host path of a prefix, such that the kernel checks on it what it would check on the guest's
/// own text; none: no such path.
std::optional<std::string> FastPath::host_of_prefix(const Place& place, const Resolved& prefix) {
  const std::string text = prefix_of(place.text, place.text.rfind('/'));
  if (!has_parent_step(text)) return without_last_slash(prefix.host);
  // ".." needs a directory before it, at every call anew: only the text itself can be handed on.
  const View& view = tracer_.view(place.thread);
  if (text.front() != '/' || place.thread.files->root != GuestPath::root()) return std::nullopt;
  std::string walked;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at + 1), text.size());
    const std::string step = text.substr(at + 1, end - at - 1);
    at = end;
    if (step.empty() || step == ".") continue;
    if (step == "..") {
      if (walked.empty()) return std::nullopt;
      walked.erase(walked.rfind('/'));
      continue;
    }
    walked += '/' + step;
    const auto guest = GuestPath::parse(walked);
    if (!guest || !(view.binding_of(*guest).guest == GuestPath::root())) return std::nullopt;
    const auto there = resolve(place, walked, LastLink::follow);
    if (!there || there->guest.text() != walked) return std::nullopt;  // a link
  }
  return without_last_slash(view.to_host(GuestPath::root()).text()) + text;
}

std::uint32_t FastPath::flags_of(const Place& place, const Resolved& resolved) const {
  std::uint32_t flags = resolved.binding->read_only ? gate::kEntryReadOnly : 0;
  const View& view = tracer_.view(place.thread);
  const auto host = HostPath::parse(resolved.host);
  if (!view.is_ambiguous()) return flags;
  for (const Binding& other : view.bindings()) {
    if (&other == resolved.binding) continue;
    if (!host || other.host.contains(*host) || host->contains(other.host)) {
      flags |= gate::kEntryAmbiguous;
    }
  }
  return flags;
}

/// `also`: more of kEntry*.
void FastPath::learn_prefix(const Place& place, const Resolved& prefix, std::uint32_t also,
                            bool always) {
  const std::string text = prefix_of(place.text, place.text.rfind('/'));
  if (!may_be_shared(place, text, prefix)) return;
  std::uint32_t flags = flags_of(place, prefix) | also;
  std::string host;
  if (prefix.unchanged && text.front() != '/') {
    flags |= gate::kEntryAsItIs;
  } else {
    const auto found = host_of_prefix(place, prefix);
    if (!found) return;
    host = *found;
  }
  for (const Binding& binding : tracer_.view(place.thread).bindings()) {
    if (binding.guest.parent() == prefix.guest) flags |= gate::kEntryMounts;
  }
  memo_->publish({EntryKind::directory, place.thread.space->fast.context, place.base, text}, host,
                 flags, always);
}

void FastPath::publish_start(const Thread& thread, std::uint64_t base) {
  memo_->publish({EntryKind::directory, thread.space->fast.context, base, {}}, {},
                 gate::kEntryAsItIs | start_flags(tracer_.view(thread)), true);
}

void FastPath::learn_starts(Thread& thread) {
  const std::uint64_t context = thread.space->fast.context, base = thread.space->fast.directory;
  // What a chroot(2) made the root may get another name.
  if (thread.files->root == GuestPath::root() && rooted_.insert(context).second) {
    const std::string text = "/";
    const Place place{thread, 0, text};
    if (const auto root = resolve(place, text, LastLink::follow))
      learn_prefix(place, *root, 0, true);
  }
  if (base == 0) return;
  publish_start(thread, base);
  const auto directory = tracer_.working_directory(thread);
  if (!directory.guest) return;
  if (const auto shown = tracer_.visible(thread, *directory.guest)) learn_directory(thread, *shown);
}

bool FastPath::is_special_at_start(const Thread& thread, const std::string& text) const {
  if (text == "..") return true;
  return text.find('/') == text.npos && tracer_.view(thread).is_mount_name(text);
}

void FastPath::learn_ways(const Thread& thread) {
  constexpr std::size_t kLooks = 16;  // as many cost about what a stop does
  gate::MemoHeader& header = memo_->header();
  const std::uint64_t now = __atomic_load_n(&header.generation, __ATOMIC_ACQUIRE);
  const std::uint64_t context = thread.space->fast.context;
  if (header.ways.generation == now && header.ways.context == context) return;
  const View& view = tracer_.view(thread);
  if (++special_asks_ * kLooks < view.bindings().size()) return;
  special_asks_ = 0;
  if (view.bindings().size() > gate::Ways::kMost) return;
  std::set<std::string> ways;
  for (const Binding& binding : view.bindings()) {
    for (GuestPath way = binding.guest; ways.insert(way.text()).second && way != GuestPath::root();)
      way = way.parent();
  }
  ways.insert(thread.files->root.text());
  if (ways.size() > gate::Ways::kMost) return;
  gate::Ways& told = header.ways;
  __atomic_add_fetch(&told.version, 1, __ATOMIC_ACQ_REL);
  told.context = context;
  told.count = 0;
  told.generation = 0;
  for (const std::string& way : ways) {
    const auto status = stat_of(view.to_host(GuestPath::of_canonical(way)).text());
    if (!status) break;  // it may still be open, with another parent than the guest's
    told.list[told.count++] = {status->st_dev, status->st_ino};
  }
  if (told.count == ways.size()) told.generation = now;
  __atomic_add_fetch(&told.version, 1, __ATOMIC_ACQ_REL);
  memo_->note_published();
}

void FastPath::learn(CallFrame& frame, const PathArg& argument, const std::string& text,
                     const std::optional<Resolved>& resolved) {
  Thread& thread = frame.thread();
  if (&frame.abi() != &kAbiX64 || !thread.space->fast.has_code || text.empty()) return;
  const auto number = static_cast<std::size_t>(number_of(kAbiX64, frame.sys()));
  if (number >= calls_.size() || calls_[number].kind == FastKind::none || !prepare(thread)) return;
  const bool is_relative = text.front() != '/';
  if (is_relative && is_special_at_start(thread, text)) learn_ways(thread);
  if (is_relative && argument.dirfd && frame.descriptor(*argument.dirfd) != AT_FDCWD) return;
  const std::size_t slash = text.rfind('/');
  const std::string name = text.substr(slash == text.npos ? 0 : slash + 1);
  // Behind a slash these mean the directory before it.
  const bool is_prefix = name.empty() || name == ".";
  if (name == ".." || (is_prefix && slash == text.npos)) return;
  const std::uint64_t base = is_relative ? shared_directory(thread) : 0;
  if (is_relative && base == 0) return;
  const Place place{thread, base, text};
  if (is_relative) {
    publish_start(thread, base);
  }
  std::optional<Resolved> prefix;
  if (slash != text.npos) {
    prefix = resolve(place, prefix_of(text, slash), LastLink::follow);
    if (!prefix) return;
    learn_prefix(place, *prefix, 0, false);
    // The handler goes over links, too, but for a ".." in what it knows nothing of.
    const bool is_by_link = !is_relative && prefix->guest.text() != prefix_of(text, slash);
    if (is_by_link) learn_ways(thread);
  }
  if (!resolved || argument.last != LastComponent::follow || resolved->magic ||
      resolved->binding == nullptr || is_in_proc(resolved->host) || has_parent_step(text)) {
    return;
  }
  const bool is_link =
      !is_prefix &&
      (!prefix || resolved->guest.text() != without_last_slash(prefix->guest.text()) + '/' + name);
  if (calls_[number].kind != FastKind::exact && !is_link) return;
  if (is_link) learn_ways(thread);
  if (!may_be_shared(place, text, *resolved)) return;
  // Whose file it is is asked of what a link leads to, not of the link.
  const bool as_it_is = resolved->unchanged && !(is_link && world_ != nullptr);
  memo_->publish({EntryKind::exact, thread.space->fast.context, base, text}, resolved->host,
                 flags_of(place, *resolved) | (as_it_is ? gate::kEntryAsItIs : 0));
  if (is_link && prefix) learn_prefix(place, *prefix, gate::kEntryLinks, false);
}

void FastPath::learn_directory(Thread& thread, const std::string& shown) {
  if (!prepare(thread)) return;
  const std::uint64_t base = shared_directory(thread);
  if (base == 0) return;
  memo_->publish({EntryKind::working, thread.space->fast.context, base, {}}, shown, 0);
}

std::optional<std::string> FastPath::library(CallFrame& frame, const std::string& text,
                                             const Resolved& resolved) {
  Thread& thread = frame.thread();
  if (frame.sys() != Sys::openat && frame.sys() != Sys::open) return std::nullopt;
  const int flags_at = frame.sys() == Sys::open ? 1 : 2;
  if (!thread.space->fast.opens_libraries || frame.arg(flags_at) != O_CLOEXEC ||
      &frame.abi() != &kAbiX64 || text.empty() || text.front() != '/' || !prepare(thread)) {
    return std::nullopt;
  }
  const std::string_view name = base_name(text);
  if (!gate::names_c_library(name.data(), name.size())) return std::nullopt;
  ThreadMemory memory(thread.id);
  const auto process = memory.read_object<gate::FastProcess>(GuestAddress{gate::kFastProcess});
  const std::uint64_t at = frame.registers().instruction();
  if (!process || at < process->linker_start || at >= process->linker_end) return std::nullopt;
  // Another user's guest may not open what is the tracer's.
  const auto owner = stat_of("/proc/" + std::to_string(thread.id));
  if (!owner || owner->st_uid != geteuid()) return std::nullopt;
  const auto copy = copies_.copy_of(resolved.host, Mapper::linker);
  if (!copy) return std::nullopt;
  memo_->publish({EntryKind::library, thread.space->fast.context, 0, text}, copy->path, 0);
  return copy->path;
}

}  // namespace nestp
