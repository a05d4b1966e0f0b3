#include "engine/ptrace/tracer.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

/// As last read: a deleted directory has no place in the view any more.
Tracer::Directory known_directory(const WorkingDirectory& directory) {
  return {directory.is_deleted ? std::nullopt : directory.name, directory.host};
}

}  // namespace

ResolveFrom Tracer::asker(const Thread& thread, std::optional<GuestPath> base) const {
  return ResolveFrom{.view = view(thread),
                     .root = thread.files->root,
                     .base = std::move(base),
                     .process = thread.process->id,
                     .thread = thread.id,
                     .processes = this,
                     .judged = judges_search(thread)};
}

bool Tracer::judges_search(const Thread& thread, bool by_real_ids) const {
  return std::any_of(extensions.begin(), extensions.end(), [&](const auto& extension) {
    return extension->judges_search({.thread = thread.id, .by_real_ids = by_real_ids});
  });
}

SysResult<> Tracer::search(const Searcher& who, const std::string& host) const {
  for (const auto& extension : extensions) {
    if (const auto done = extension->may_search(who, host); !done) return done;
  }
  return Done{};
}

SysResult<GuestPath> Tracer::name_of_host(const View& tree, const HostPath& host,
                                          const GuestPath* before) const {
  if (tree.is_ambiguous() && before != nullptr) {
    const Binding& mount = tree.binding_of(*before);
    const auto name = tree.to_guest(host, &mount.guest);
    if (name && &tree.binding_of(*name) == &mount) return *name;
  }
  if (tree.is_ambiguous()) {
    if (const auto used = used_names_.find(host.text()); used != used_names_.end()) {
      if (tree.to_host(used->second) == host) return used->second;
    }
    // The nearest ancestor that the guest named decides the rest.
    for (HostPath above = host.parent(); !above.is_root(); above = above.parent()) {
      const auto used = used_names_.find(above.text());
      if (used == used_names_.end()) continue;
      return tree.to_guest(host, &used->second);
    }
  }
  return tree.to_guest(host);
}

Tracer::Directory Tracer::working_directory(Thread& thread) {
  const WorkingDirectory& directory = *thread.files->directory;
  const bool settled = thread.files->changes_under_way == 0 && directory_moves_ == 0;
  const bool fresh = settled && directory.epoch == directory_epoch_ &&
                     directory.view == view(thread).serial() &&
                     std::chrono::steady_clock::now() - directory.read < PathCache::kStaleness;
  if (fresh) return known_directory(directory);
  auto now = read_working_directory(thread);
  return now ? *now : Directory{};
}

SysResult<Tracer::Directory> Tracer::read_working_directory(Thread& thread) {
  auto text = read_link("/proc/" + std::to_string(thread.id) + "/cwd");
  if (!text) return text.error();
  // Until a change has ended, what is read is this thread's own affair.
  if (thread.files->changes_under_way != 0) thread.files->forget_directory();
  WorkingDirectory& directory = *thread.files->directory;
  std::string_view place = *text;
  const bool deleted = place.ends_with(kDeleted);
  if (deleted) place.remove_suffix(kDeleted.size());
  // The name by which the guest got there survives as long as it is right.
  if (const auto host = HostPath::parse(place)) {
    if (!directory.name || view(thread).to_host(*directory.name) != *host) {
      const auto found =
          name_of_host(view(thread), *host, directory.name ? &*directory.name : nullptr);
      directory.name = found ? std::optional(*found) : std::nullopt;
    }
  }
  directory.is_deleted = deleted;
  directory.host = std::move(*text);
  directory.view = view(thread).serial();
  directory.epoch = directory_epoch_;
  directory.read = std::chrono::steady_clock::now();
  return known_directory(directory);
}

Tracer::Directory Tracer::descriptor_directory(const Thread& thread, int descriptor) const {
  Directory found;
  auto text = read_link("/proc/" + std::to_string(thread.id) + "/fd/" + std::to_string(descriptor));
  if (!text) return found;
  found.host = std::move(*text);
  if (found.host.ends_with(kDeleted)) return found;
  const auto host = HostPath::parse(found.host);
  if (!host) return found;
  const auto& names = thread.process->descriptor_names;
  const auto used = names.find(descriptor);
  const GuestPath* before = used != names.end() ? &used->second : nullptr;
  if (before != nullptr && view(thread).to_host(*before) == *host) {
    found.guest = *before;
  } else if (const auto name = name_of_host(view(thread), *host, before)) {
    found.guest = *name;
  }
  return found;
}

SysResult<unsigned> Tracer::descriptor_flags(const Thread& thread, int descriptor) {
  const auto info =
      read_file("/proc/" + std::to_string(thread.id) + "/fdinfo/" + std::to_string(descriptor));
  if (!info) return Errno(EBADF);
  constexpr std::string_view kField = "flags:";
  const std::size_t at = info->find(kField);
  if (at == info->npos) return Errno(EBADF);
  return static_cast<unsigned>(std::strtoul(info->c_str() + at + kField.size(), nullptr, 8));
}

void Tracer::note_descriptor(const Thread& thread, int descriptor, const GuestPath& name) {
  thread.process->descriptor_names.insert_or_assign(descriptor, name);
}

std::optional<std::string> Tracer::visible(const Thread& thread, const GuestPath& path) const {
  const GuestPath& root = thread.files->root;
  if (!root.contains(path)) return std::nullopt;
  const std::string_view below = path.below(root);
  return below.empty() ? std::string("/") : std::string(below);
}

void Tracer::note_name(const std::string& host, const GuestPath& name) {
  constexpr std::size_t kMost = 4096;
  if (used_names_.size() >= kMost) used_names_.clear();
  used_names_.insert_or_assign(host, name);
}

void Tracer::begin_change(Thread& thread, const std::string& host) {
  std::string entry = host;
  while (entry.size() > 1 && entry.back() == '/')
    entry.pop_back();
  cache.begin_change(entry);
  thread.changing.push_back(std::move(entry));
}

void Tracer::begin_directory_change(Thread& thread) {
  if (fast) fast->leave_directory(thread);
  ++thread.files->changes_under_way;
  thread.changes_directory = true;
}

void Tracer::begin_directory_moves(Thread& thread) {
  ++directory_moves_;
  thread.moves_directories = true;
}

void Tracer::settle(Thread& thread) {
  for (const std::string& entry : thread.changing)
    cache.end_change(entry);
  thread.changing.clear();
  thread.held.clear();
  if (thread.changes_links) {
    thread.changes_links = false;
    if (fast) fast->forget();
  }
  if (thread.moves_directories) {
    thread.moves_directories = false;
    --directory_moves_;
    ++directory_epoch_;
  }
  if (!thread.changes_directory) return;
  thread.changes_directory = false;
  --thread.files->changes_under_way;
  thread.files->forget_directory();
}

const Thread* Tracer::leader(pid_t process) const {
  return const_cast<ThreadTable&>(threads).find(process);
}

std::optional<GuestPath> Tracer::executable(pid_t process) const {
  const Thread* thread = leader(process);
  if (thread == nullptr) return std::nullopt;
  return thread->space->executable;
}

std::optional<GuestPath> Tracer::used_name(pid_t process, std::string_view name) const {
  const Thread* thread = leader(process);
  if (thread == nullptr) return std::nullopt;
  if (name == "cwd") return thread->files->directory->name;
  const std::string number(name);
  const auto& names = thread->process->descriptor_names;
  const auto found = names.find(std::atoi(number.c_str()));
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

bool Tracer::on_denied(const std::string& host) const {
  bool lifted = false;
  for (const auto& extension : extensions)
    lifted = extension->on_denied(host) || lifted;
  return lifted;
}

std::optional<GuestPath> Tracer::root(pid_t process) const {
  const Thread* thread = leader(process);
  if (thread == nullptr) return std::nullopt;
  return thread->files->root;
}

}  // namespace nestp
