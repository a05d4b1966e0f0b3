#include "engine/ptrace/special/proc_content.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "engine/gate/memo.h"
#include "engine/ptrace/emulate/ptracee.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/special/namespaces.h"
#include "engine/ptrace/tracer.h"
#include "fs/mount_table.h"
#include "fs/proc_links.h"
#include "fs/process_map.h"

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
/// How the link of a served file's descriptor starts: its name is the path that was opened.
constexpr std::string_view kServed = "/memfd:/proc/";

constexpr std::array<std::string_view, 16> kNames = {
    "cwd",  "exe",  "gid_map",   "maps",  "mountinfo", "mounts", "mountstats",  "numa_maps",
    "root", "self", "setgroups", "smaps", "stat",      "status", "thread-self", "uid_map"};

/// The guest's own name of what a magic link names; the text as it is where it
/// is no path or not visible ("pipe:[1]").
/// `used`: by which of several names the guest got there, if that is known.
std::string guest_link_text(CallFrame& frame, std::string text, const GuestPath* used) {
  std::string_view suffix;
  if (text.ends_with(kDeleted)) {
    suffix = kDeleted;
    text.resize(text.size() - kDeleted.size());
    if (text.starts_with(kServed)) return text.substr(text.find(':') + 1);
  }
  if (auto copied = copied_file(text)) {
    text = std::move(*copied);
    suffix = {};
  }
  std::string shown = text;
  if (const auto host = HostPath::parse(text)) {
    const View& view = frame.tracer().view(frame.thread());
    if (const auto guest = frame.tracer().name_of_host(view, *host, used)) {
      if (auto seen = frame.tracer().visible(frame.thread(), *guest)) shown = std::move(*seen);
    }
  }
  return shown.append(suffix);
}

/// The name that the guest used for what `link`, /proc/PID/cwd or /proc/PID/fd/N, stands for.
const GuestPath* used_name(const Thread& target, std::string_view link) {
  const std::size_t slash = link.rfind('/');
  const std::string_view name = link.substr(slash + 1);
  const FileSystem& files = *target.files;
  if (name == "cwd") return files.directory->name ? &*files.directory->name : nullptr;
  int descriptor = 0;
  if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec != std::errc()) {
    return nullptr;
  }
  const auto& names = target.process->descriptor_names;
  const auto found = names.find(descriptor);
  return found == names.end() ? nullptr : &found->second;
}

/// Text of the link `host`, /proc/PID/..., as the guest must read it.
SysResult<std::string> link_text(CallFrame& frame, const Resolved& resolved) {
  Tracer& tracer = frame.tracer();
  if (resolved.is_executable_link) {
    return tracer.visible(frame.thread(), resolved.guest).value_or(resolved.guest.text());
  }
  const std::size_t slash = resolved.host.rfind('/');
  const ProcLink link = proc_link(std::string_view(resolved.host).substr(0, slash),
                                  std::string_view(resolved.host).substr(slash + 1));
  if (link.name == ProcName::root) {
    if (const auto root = tracer.root(link.process)) {
      return tracer.visible(frame.thread(), *root).value_or(root->text());
    }
  }
  auto text = read_link(resolved.host);
  if (!text) return text.error();
  const Thread* target = tracer.threads.find(link.process);
  const GuestPath* used = nullptr;
  if (target != nullptr) {
    // The directory is read first, so that its name is the one of now.
    if (resolved.host.ends_with("/cwd"))
      (void)tracer.read_working_directory(*tracer.threads.find(link.process));
    used = used_name(*target, resolved.host);
  }
  return guest_link_text(frame, std::move(*text), used);
}

/// Value of a line of /proc/PID/status.
std::optional<unsigned> status_field(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == text.npos) return std::nullopt;
  unsigned value = 0;
  const char* const start = text.data() + at + name.size();
  const auto [end, failure] = std::from_chars(start, text.data() + text.size(), value);
  if (failure != std::errc() || end == start) return std::nullopt;
  return value;
}

/// What a thread does that stands at a stop of nestp's; 0: a guest's debugger stopped it.
char state_of(const Thread& target) {
  if (target.ptracee != nullptr && target.ptracee->stop) return 0;
  if (target.group_stopped) return 'T';
  // Its parent may know of a group stop before it is this one's turn (ptrace(2),
  // PTRACE_EVENT_STOP).
  const auto stop = ptrace_call::signal_info(target.id);
  const bool is_group =
      stop && stop->si_code >> 8 == PTRACE_EVENT_STOP && stop->si_signo != SIGTRAP;
  return is_group ? 'T' : 'R';
}

std::string status_text(const Thread& target, std::string_view host_text) {
  GuestStatus status{.state = state_of(target), .no_new_privs = target.no_new_privileges};
  if (target.ptracee != nullptr) status.tracer = target.ptracee->tracer;
  const unsigned filters = status_field(host_text, "\nSeccomp_filters:\t").value_or(0);
  status.seccomp_filters = filters - std::min(filters, target.process->filters);
  status.seccomp_mode = status_field(host_text, "\nSeccomp:\t").value_or(0);
  if (status.seccomp_mode == 2 && status.seccomp_filters == 0) status.seccomp_mode = 0;
  return guest_status(host_text, status);
}

/// maps and its kin are for those who may trace the process.
bool may_read_maps(const Thread& reader, const Thread& target) {
  if (reader.process == target.process) return true;
  const auto own = stat_of("/proc/" + std::to_string(reader.id));
  const auto other = stat_of("/proc/" + std::to_string(target.id));
  return own && other && (own->st_uid == 0 || own->st_uid == other->st_uid);
}

/// What the guest must read; nothing if the host's own file is right.
std::optional<std::string> content_of(CallFrame& frame, const ProcFile& file,
                                      const std::string& host) {
  Tracer& tracer = frame.tracer();
  const Thread* target = &frame.thread();
  if (file.process != 0)
    target = tracer.threads.find(file.thread != 0 ? file.thread : file.process);
  if (target == nullptr) return std::nullopt;
  const bool is_mounts = file.text == ProcText::mounts || file.text == ProcText::mountinfo ||
                         file.text == ProcText::mountstats;
  if (file.text == ProcText::status) tracer.placement.release();  // it lists the CPUs
  const bool is_open_to_all =
      is_mounts || file.text == ProcText::status || file.text == ProcText::stat;
  if (!is_open_to_all && !may_read_maps(frame.thread(), *target)) return std::nullopt;
  const auto host_text = read_file(is_mounts ? "/proc/self/mountinfo" : host);
  if (!host_text) return std::nullopt;
  if (is_mounts)
    return mount_table(file.text, tracer.view(*target), target->files->root, *host_text);
  if (file.text == ProcText::status) return status_text(*target, *host_text);
  if (file.text == ProcText::stat) return guest_stat(*host_text, state_of(*target));
  constexpr AddressRange kImage[] = {{gate::kImageBase, gate::kImageEnd},
                                     {gate::kMemo, gate::kRecordPlaces + gate::kRecordPlacesSize}};
  const Thread& reader = frame.thread();
  // An emulator looks there for room, and must not take the image's.
  const bool needs_truth = target->space->machine != 0 && target->process == reader.process;
  return guest_maps(file.text, *host_text, tracer.view(reader), reader.files->root,
                    needs_truth ? std::span<const AddressRange>() : kImage);
}

bool is_for_extensions(CallFrame& frame, std::string_view host) {
  return frame.tracer().text_names.contains(host.substr(host.rfind('/') + 1));
}

/// The same with what extensions change of it.
std::optional<std::string> shown_text(CallFrame& frame, const ProcFile& file,
                                      const std::string& host) {
  std::optional<std::string> text;
  if (file.text != ProcText::none) text = content_of(frame, file, host);
  if (!is_for_extensions(frame, host)) return text;
  bool is_changed = text.has_value();
  if (!is_changed) {
    if (const auto of_host = read_file(host)) text = *of_host;
  }
  for (const auto& extension : frame.tracer().extensions)
    is_changed |= extension->on_text(frame.thread().id, host, text);
  return is_changed ? text : std::nullopt;
}

constexpr std::size_t kLongestName = 249;  // bytes of a memfd's

bool fill(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  (void)fchmod(file, 0444);
  return true;
}

SysResult<UniqueFd> make_file(const std::string& name, std::string_view text) {
  UniqueFd file(memfd_create(name.substr(0, kLongestName).c_str(), MFD_CLOEXEC));
  // Before Linux 3.17: a file without a name.
  for (const char* directory : {"/dev/shm", "/tmp"}) {
    if (!file) file.reset(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  }
  if (!file || !fill(file.get(), text)) return Errno(errno);
  return file;
}

/// For a thread that cannot open the tracer's file: it makes one itself, and the
/// tracer, which may do more, fills it.
bool serve_own_file(CallFrame& frame, const std::string& name, std::string text, bool closes) {
  const std::string short_name = name.substr(0, kLongestName);
  if (!frame.replace_string(0, short_name)) return false;
  frame.set_sys(Sys::memfd_create);
  frame.set_arg(1, closes ? MFD_CLOEXEC : 0);
  frame.at_exit([text = std::move(text)](CallFrame& at) {
    if (at.result() < 0) return;
    const std::string link =
        "/proc/" + std::to_string(at.thread().id) + "/fd/" + std::to_string(at.result());
    const auto file = open_at(AT_FDCWD, link, O_WRONLY);
    if (file) fill(file->get(), text);
  });
  return true;
}

/// True if the thread may open descriptors of the tracer through /proc.
bool may_open_of_tracer(const Thread& thread) {
  const auto owner = stat_of("/proc/" + std::to_string(thread.id));
  if (!owner) return false;
  return owner->st_uid == 0 || (owner->st_uid == geteuid() && owner->st_gid == getegid());
}

/// O_* and RESOLVE_* of a call that opens.
struct OpenHow {
  std::uint64_t flags = 0, mode = 0, resolve = 0;
};

std::optional<std::uint8_t> flags_argument(const CallFrame& frame) {
  const SyscallRow& row = *frame.row();
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    if (row.args[i] == ArgKind::open_flags) return register_of(frame.abi(), row, i);
  }
  return std::nullopt;
}

SysResult<OpenHow> read_how(CallFrame& frame) {
  if (const auto index = open_how_arg(frame.abi(), *frame.row())) {
    return frame.memory().read_object<OpenHow>(frame.address(*index));
  }
  const auto index = flags_argument(frame);
  return OpenHow{.flags = index ? frame.arg(*index) : 0};
}

/// What is opened instead is a magic link, which the call's own flags may forbid.
bool allow_link(CallFrame& frame, OpenHow how) {
  const std::uint64_t no_follow = frame.abi().open_flags.no_follow;
  if (const auto index = open_how_arg(frame.abi(), *frame.row())) {
    how.flags &= ~no_follow;
    how.resolve = 0;
    return frame.replace(*index, {reinterpret_cast<const char*>(&how), sizeof how});
  }
  if (const auto index = flags_argument(frame); index && (how.flags & no_follow)) {
    frame.set_arg(*index, how.flags & ~no_follow);
  }
  return true;
}

}  // namespace

bool is_in_proc(std::string_view host) { return host.starts_with("/proc/") || host == "/proc"; }

std::span<const std::string_view> proc_names() { return kNames; }

bool is_proc_name(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool answer_proc_link(CallFrame& frame, const PathArg& argument, const Resolved& resolved) {
  if (!resolved.magic && !resolved.is_executable_link) return false;
  const auto text = link_text(frame, resolved);
  if (!text) {
    frame.fail(text.error());
    return true;
  }
  const auto room = static_cast<std::int32_t>(frame.arg(argument.index + 2));
  if (room <= 0) {
    frame.fail(Errno(EINVAL));
    return true;
  }
  const std::size_t size = std::min(text->size(), static_cast<std::size_t>(room));
  const auto written = frame.memory().write(frame.address(argument.index + 1),
                                            std::as_bytes(std::span(text->data(), size)));
  if (written) {
    frame.answer(static_cast<std::int64_t>(size));
  } else {
    frame.fail(written.error());
  }
  return true;
}

std::optional<std::string> proc_link_text(CallFrame& frame, const Resolved& resolved) {
  if (!resolved.magic && !resolved.is_executable_link) return std::nullopt;
  auto text = link_text(frame, resolved);
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

bool open_proc_content(CallFrame& frame, const PathArg& argument, const Resolved& resolved) {
  if (const int map = identity_file(frame, resolved.host, argument.writing != Writing::no);
      map >= 0) {
    const auto how = read_how(frame);
    const bool reachable = may_open_of_tracer(frame.thread());
    return how &&
           frame.replace_string(argument.index, reachable ? shared_link(map) : "/dev/null") &&
           allow_link(frame, *how);
  }
  if (argument.writing != Writing::no || argument.creates) return false;
  const ProcFile file = proc_file(resolved.host);
  if (file.text == ProcText::none && !is_for_extensions(frame, resolved.host)) return false;
  const auto how = read_how(frame);
  if (!how || (how->flags & frame.abi().open_flags.path)) return false;
  const auto text = shown_text(frame, file, resolved.host);
  if (!text) return false;
  if (!may_open_of_tracer(frame.thread())) {
    const bool closes = (how->flags & frame.abi().open_flags.close_on_exec) != 0;
    return serve_own_file(frame, resolved.guest.text(), *text, closes);
  }
  auto served = make_file(resolved.guest.text(), *text);
  if (!served) return false;
  if (!frame.replace_string(argument.index, shared_link(served->get())) || !allow_link(frame, *how))
    return false;
  frame.thread().held.push_back(std::move(*served));
  return true;
}

}  // namespace nestp
