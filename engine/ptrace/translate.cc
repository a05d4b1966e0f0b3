#include "engine/ptrace/translate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>
#include <vector>

#include "engine/log.h"
#include "engine/ptrace/changes.h"
#include "engine/ptrace/dispatch.h"
#include "engine/ptrace/refusal.h"
#include "engine/ptrace/special/entries.h"
#include "engine/ptrace/special/proc_content.h"
#include "engine/ptrace/special/read_only.h"
#include "fs/fd.h"
#include "fs/proc_links.h"

namespace nestp {
namespace {

LastLink last_link(LastComponent last) {
  switch (last) {
    case LastComponent::follow:
      return LastLink::follow;
    case LastComponent::keep:
      return LastLink::keep;
    case LastComponent::entry:
      return LastLink::entry;
  }
  return LastLink::follow;
}

constexpr std::uint64_t kOpenHowSize = 24;      // bytes, OPEN_HOW_SIZE_VER0
constexpr std::uint64_t kResolveCached = 0x20;  // RESOLVE_CACHED

/// struct open_how of <linux/openat2.h>.
struct OpenHow {
  std::uint64_t flags = 0, mode = 0, resolve = 0;
};

/// All zero for a call that has none, or one that the kernel will refuse by its size.
SysResult<OpenHow> read_open_how(CallFrame& frame) {
  const auto index = open_how_arg(frame.abi(), *frame.row());
  if (!index || frame.arg(*index + 1) < kOpenHowSize) return OpenHow{};
  return frame.memory().read_object<OpenHow>(frame.address(*index));
}

/// The resolver has kept the RESOLVE_* rules in the guest's terms; in the host's
/// they would refuse the translated path (an absolute one is never beneath).
void drop_resolve_flags(CallFrame& frame, OpenHow how) {
  const auto index = open_how_arg(frame.abi(), *frame.row());
  if (!index || (how.resolve & ~kResolveCached) == 0) return;
  how.resolve &= kResolveCached;
  const std::string_view bytes(reinterpret_cast<const char*>(&how), sizeof how);
  if (!frame.replace(*index, bytes)) return frame.fail(Errno(ENAMETOOLONG));
  frame.set_arg(*index + 1, kOpenHowSize);
}

bool is_single_name(const std::string& text) {
  return text.find('/') == text.npos && text != "." && text != "..";
}

bool takes_two_paths(Sys sys) {
  return sys == Sys::rename || sys == Sys::renameat || sys == Sys::renameat2 || sys == Sys::link ||
         sys == Sys::linkat;
}

bool opens_a_file(const SyscallRow& row) {
  for (const ArgKind kind : row.args) {
    if (kind == ArgKind::open_flags || kind == ArgKind::open_how) return true;
  }
  return row.sys == Sys::creat;
}

/// A relative path of one component that the kernel, starting at the thread's own
/// directory, takes to the same place: nothing to translate, whatever the base is.
bool stands_as_it_is(CallFrame& frame, const PathArg& argument, const std::string& text) {
  const View& view = frame.tracer().view(frame.thread());
  if (view.has_read_only() && (frame.sys() == Sys::statfs || frame.sys() == Sys::statfs64)) {
    return false;  // what it shows depends on the binding
  }
  if (view.is_ambiguous() && opens_a_file(*frame.row())) return false;  // its name is noted
  if (takes_two_paths(frame.sys())) return false;  // a mount may lie between them
  if (text == ".") return true;
  if (!is_single_name(text) || view.is_mount_name(text) || is_proc_name(text)) return false;
  if (frame.tracer().text_names.contains(text)) return false;
  if (argument.last == LastComponent::keep) return true;
  if (argument.last != LastComponent::follow || !argument.dirfd) return false;
  const int descriptor = frame.descriptor(*argument.dirfd);
  if (descriptor == AT_FDCWD) return false;
  // Not a link, or not there: then following is nothing to do.
  const std::string entry = base_anchor(frame, argument) + "/" + text;
  char first = 0;
  return readlink(entry.c_str(), &first, 1) < 0;
}

/// access(2), but where it says otherwise.
bool asks_by_real_ids(const CallFrame& frame) {
  if (frame.sys() == Sys::access || frame.sys() == Sys::faccessat) return true;
  return frame.sys() == Sys::faccessat2 && (frame.arg(3) & AT_EACCESS) == 0;
}

/// What argument `argument` stands for, for the extensions; none: nothing is named.
std::optional<CallObject> object_of(CallFrame& frame, const PathArg& argument,
                                    const std::optional<Resolved>& resolved) {
  CallObject object = resolved ? object_of(frame, *resolved) : CallObject{};
  object.index = argument.index;
  object.follow = argument.last == LastComponent::follow;
  object.is_entry = argument.last == LastComponent::entry;
  object.is_searched =
      resolved && frame.tracer().judges_search(frame.thread(), asks_by_real_ids(frame));
  if (resolved && (resolved->magic || resolved->is_executable_link)) {
    object.shown_link = [&frame, &resolved] { return proc_link_text(frame, *resolved); };
  }
  if (resolved) return object;
  const std::string anchor = base_anchor(frame, argument);
  std::string text;
  if (frame.arg(argument.index) != 0) {
    auto read = frame.text(argument.index);
    if (!read) return std::nullopt;
    text = *std::move(read);
  }
  const bool is_base =
      text.empty() && argument.dirfd && (argument.empty_is_dirfd || argument.null_is_dirfd);
  if (text.empty() && !is_base) return std::nullopt;
  object.host = is_base ? anchor : anchor + "/" + text;
  object.follow = object.follow || is_base;
  return object;
}

/// True: an extension has decided the call.
bool ask_about(CallFrame& frame, CallPaths& found) {
  if (!wants_objects(frame)) return false;
  std::vector<CallObject> objects;
  std::vector<std::string> before;
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    auto object = object_of(frame, found.paths.list[i], found.resolved[i]);
    if (!object) return false;
    before.push_back(object->host);
    objects.push_back(std::move(*object));
  }
  if (ask_about_objects(frame, objects)) return true;
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    if (objects[i].host == before[i]) continue;
    if (found.resolved[i]) {
      found.resolved[i]->host = std::move(objects[i].host);
      found.resolved[i]->by_base.clear();
      found.resolved[i]->unchanged = false;
    } else if (!frame.replace_string(objects[i].index, objects[i].host)) {
      frame.fail(Errno(ENAMETOOLONG));
      return true;
    }
  }
  return false;
}

/// Lets the extensions replace the host path, then puts it into the call.
void substitute(CallFrame& frame, const PathArg& argument, const Resolved& resolved,
                const OpenHow& how) {
  std::string host = resolved.host;
  bool replaced = !resolved.unchanged;
  if (!frame.tracer().extensions.empty()) {
    Call call{.sys = frame.sys(),
              .abi = &frame.abi(),
              .thread = frame.thread().id,
              .args = frame.args(),
              .memory = frame.memory()};
    for (const auto& extension : frame.tracer().extensions) {
      auto changed = extension->on_path(call, resolved.guest, host);
      if (!changed) return frame.fail(changed.error());
      if (*changed == host) continue;
      host = std::move(*changed);
      replaced = true;
    }
  }
  if (frame.tracer().trace) {
    frame.tracer().trace->line(frame.thread().id, frame.sys(), resolved.guest.text(), host);
  }
  LOG(debug) << frame.thread().id << ' ' << name_of(frame.sys()) << ' '
             << quoted(resolved.guest.text()) << (replaced ? " -> " : " unchanged, ")
             << quoted(host);
  if (!replaced) return;
  if (host == resolved.host) host = kernel_path(resolved);
  if (!frame.replace_string(argument.index, host)) return frame.fail(Errno(ENAMETOOLONG));
  drop_resolve_flags(frame, how);
}

bool is_readlink(const CallFrame& frame) {
  return frame.sys() == Sys::readlink || frame.sys() == Sys::readlinkat;
}

/// A descriptor of something with several names shows the one it was opened by.
void note_opened_name(CallFrame& frame, const CallPaths& found) {
  const View& view = frame.tracer().view(frame.thread());
  if (!view.is_ambiguous() || !opens_a_file(*frame.row()) || !found.resolved[0]) return;
  const GuestPath name = found.resolved[0]->guest;
  frame.at_exit([name](CallFrame& ended) {
    if (ended.result() < 0) return;
    ended.tracer().note_descriptor(ended.thread(), static_cast<int>(ended.result()), name);
  });
}

/// Files of /proc whose contents or target nestp has to make up.  True: the call is decided.
bool serve_proc(CallFrame& frame, const PathArg& argument, const Resolved& resolved) {
  if (!is_in_proc(resolved.host)) return false;
  if (is_readlink(frame)) return answer_proc_link(frame, argument, resolved);
  return opens_a_file(*frame.row()) && open_proc_content(frame, argument, resolved);
}

}  // namespace

std::string kernel_path(const Resolved& resolved) {
  if (resolved.unchanged || resolved.by_base.empty()) return resolved.host;
  const auto status = lstat_of(resolved.host);
  return !status && status.error() == Errno(EACCES) ? resolved.by_base : resolved.host;
}

CallObject object_of(CallFrame& frame, const Resolved& resolved) {
  CallObject object{.host = resolved.host, .by_base = resolved.by_base};
  if (resolved.binding == nullptr) return object;
  const auto size_of = [](const HostPath& path) {
    return path.is_root() ? std::size_t{0} : path.text().size();
  };
  object.outside = size_of(resolved.binding->host);
  if (resolved.at_mount_point && !resolved.guest.is_root()) {
    object.mounted_in = frame.tracer().view(frame.thread()).to_host(resolved.guest.parent()).text();
  }
  const GuestPath& root = frame.thread().files->root;
  if (root.is_root()) return object;
  // What lies above a root directory is not searched either.
  const HostPath top = frame.tracer().view(frame.thread()).to_host(root);
  const auto host = HostPath::parse(resolved.host);
  if (host && top.contains(*host)) object.outside = std::max(object.outside, size_of(top));
  return object;
}

SysResult<std::optional<Resolved>> resolve_argument(CallFrame& frame, const PathArg& argument,
                                                    ResolveFlags flags, std::string* seen) {
  const GuestAddress address = frame.address(argument.index);
  if (static_cast<std::uint64_t>(address) == 0) return std::optional<Resolved>();
  auto text = frame.text(argument.index);
  if (!text) return text.error();
  if (seen != nullptr) *seen = *text;
  if (text->empty()) return std::optional<Resolved>();
  const bool read_only_matters =
      argument.writing != Writing::no && frame.tracer().view(frame.thread()).has_read_only();
  const bool by_real_ids = asks_by_real_ids(frame);
  const bool is_judged = frame.tracer().judges_search(frame.thread(), by_real_ids);
  if (flags == 0 && !read_only_matters && !is_judged && stands_as_it_is(frame, argument, *text)) {
    return std::optional<Resolved>();
  }
  ResolveFrom from = frame.tracer().asker(frame.thread(), std::nullopt);
  from.judged = is_judged;
  from.by_real_ids = by_real_ids;
  // An absolute path needs its base only where that is the root.
  if (text->front() != '/' || (flags & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0) {
    PathStart start{.base = base_directory(frame, argument),
                    .anchor = base_anchor(frame, argument),
                    .text = *text};
    const bool starts_there = text->front() != '/' || (flags & RESOLVE_IN_ROOT) != 0;
    if (starts_there && argument.dirfd && frame.descriptor(*argument.dirfd) != AT_FDCWD) {
      const auto status = stat_of(start.anchor);
      if (status && !S_ISDIR(status->st_mode)) return Errno(ENOTDIR);
    }
    if ((flags & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == 0) {
      const auto left = leave_removed_directory(frame, argument, from, start);
      if (!left) return left.error();
    }
    Tracer::Directory& base = start.base;
    // Not a directory the tracer can name (deleted, a pipe, closed): the kernel
    // starts there all the same and knows best.
    if (!base.guest && (base.host.empty() || base.host.front() != '/' || is_removed(base))) {
      return std::optional<Resolved>();
    }
    from.base = std::move(base.guest);
    from.base_host = std::move(base.host);
    from.base_anchor = std::move(start.anchor);
    from.kernel_judges = true;
    *text = std::move(start.text);
  }
  const LastLink last = last_link(last_component(argument, *text));
  auto resolved = frame.tracer().resolver.resolve(from, *text, last, flags);
  if (!resolved) return resolved.error();
  if (resolved->host.front() != '/') return std::optional<Resolved>();
  if (frame.tracer().view(frame.thread()).is_ambiguous()) {
    frame.tracer().note_name(resolved->host, resolved->guest);
  }
  return std::optional<Resolved>(std::move(*resolved));
}

SysResult<Resolved> resolve_text(CallFrame& frame, const std::string& text, LastLink last) {
  ResolveFrom from = frame.tracer().asker(frame.thread(), std::nullopt);
  if (text.empty() || text.front() != '/') {
    Tracer::Directory base = frame.tracer().working_directory(frame.thread());
    from.base = std::move(base.guest);
    from.base_host = std::move(base.host);
  }
  if (text.empty()) return Errno(ENOENT);
  return frame.tracer().resolver.resolve(from, text, last);
}

namespace {

/// What the fast path can be taught was found.
bool is_for_fast_path(const CallFrame& frame, const CallPaths& found, ResolveFlags flags) {
  return frame.tracer().fast != nullptr && found.paths.count == 1 && flags == 0;
}

/// True: ld.so is given a copy in its library's place.
bool use_copy(CallFrame& frame, CallPaths& found, ResolveFlags flags) {
  auto& resolved = found.resolved[0];
  if (!is_for_fast_path(frame, found, flags) || !resolved) return false;
  FastPath* const fast = frame.tracer().fast.get();
  const auto copy = fast->library(frame, found.texts[0], *resolved);
  if (copy) resolved->host = *copy;
  return copy.has_value();
}

}  // namespace

void translate_paths(CallFrame& frame) { (void)translate_path(frame); }

std::optional<GuestPath> translate_path(CallFrame& frame) {
  const auto how = read_open_how(frame);
  if (!how) {
    frame.fail(how.error());
    return std::nullopt;
  }
  const auto args = frame.args();
  CallPaths found{.paths = path_args(frame.abi(), *frame.row(), args, how->flags), .resolved = {}};
  found.open_flags = detail::open_flags_of(frame.abi(), *frame.row(), args, how->flags).value_or(0);
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    auto resolved = resolve_argument(frame, found.paths.list[i], how->resolve, &found.texts[i]);
    if (!resolved) {
      // The kernel would have looked at the whole first path before the second.
      const auto& first = found.resolved[0];
      const auto earlier = first    ? first_path_error(found.paths.list[0], *first)
                           : i == 1 ? error_from_base(frame, found.paths.list[0])
                                    : error_of_target(frame);
      frame.fail(earlier.value_or(resolved.error()));
      return std::nullopt;
    }
    found.resolved[i] = std::move(*resolved);
  }
  if (const auto error = refusal(frame, found)) {
    // What is there, and that something is mounted there, is told last (fs/namei.c, may_delete).
    const bool is_last =
        *error == Errno(EBUSY) || *error == Errno(EISDIR) || *error == Errno(ENOTDIR);
    if (is_last && ask_about(frame, found)) return std::nullopt;
    frame.fail(error_of_target(frame).value_or(*error));
    return std::nullopt;
  }
  if (is_for_fast_path(frame, found, how->resolve)) {
    frame.tracer().fast->learn(frame, found.paths.list[0], found.texts[0], found.resolved[0]);
  }
  if (ask_about(frame, found)) return std::nullopt;
  note_changes(frame, found);
  note_opened_name(frame, found);
  if (found.resolved[0]) show_read_only(frame, *found.resolved[0]);
  const bool is_copy = use_copy(frame, found, how->resolve);
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    if (!found.resolved[i]) continue;
    if (!is_copy && serve_proc(frame, found.paths.list[i], *found.resolved[i])) break;
    substitute(frame, found.paths.list[i], *found.resolved[i], *how);
    if (frame.is_answered()) break;
  }
  return found.resolved[0] ? std::optional(found.resolved[0]->guest) : std::nullopt;
}

}  // namespace nestp
