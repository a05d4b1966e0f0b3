#include "extensions/link_calls.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {
namespace {

Entry answer(Call& call, std::int64_t result) {
  call.result = result;
  return Entry::answered;
}

/// What is done for the thread is done with nestp's own rights.
bool has_own_rights(const Call& call) {
  const auto status = stat_of("/proc/" + std::to_string(call.thread));
  return status && status->st_uid == geteuid();
}

/// The path of the object itself, where it was named by a descriptor; empty: it has none.
std::string path_of(const CallObject& object) {
  if (!object.follow || !object.host.starts_with("/proc/")) return object.host;
  const auto text = read_link(object.host);
  if (!text) return object.host;
  return text->front() == '/' && is_there(*text) ? *text : std::string();
}

std::uint64_t rename_flags(const Call& call) {
  return call.sys == Sys::renameat2 ? call.args[4] : 0;
}

std::ptrdiff_t depth_of(const std::string& path) {
  const std::string place = real_path_of(directory_of(path));
  return place == "/" ? 0 : std::count(place.begin(), place.end(), '/');
}

}  // namespace

SysSet LinkCalls::objects() const {
  SysSet set;
  for (const Sys sys : {Sys::link, Sys::linkat, Sys::unlink, Sys::unlinkat, Sys::rename,
                        Sys::renameat, Sys::renameat2}) {
    set.set(static_cast<std::size_t>(sys));
  }
  return set;
}

Entry LinkCalls::on_objects(Call& call) {
  under_way_.erase(call.thread);
  if (call.objects.empty()) return Entry::proceed;
  if (call.sys == Sys::link || call.sys == Sys::linkat) return link(call);
  if (call.objects.size() == 2) return rename(call);
  auto file = StoredFile::find(call.objects.front().host);
  if (!file) return Entry::proceed;
  call.wants_exit = true;
  under_way_[call.thread] = {.released = *std::move(file)};
  return Entry::proceed;
}

Entry LinkCalls::link(Call& call) {
  constexpr std::uint64_t kFlags = AT_SYMLINK_FOLLOW | AT_EMPTY_PATH;
  const bool is_valid = call.sys == Sys::link || (call.args[4] & ~kFlags) == 0;
  if (call.objects.size() != 2 || !is_valid || !has_own_rights(call)) return Entry::proceed;
  const CallObject& existing = call.objects[0];
  const std::string path = path_of(existing);
  if (path.empty()) return Entry::proceed;  // a file without a name: the kernel may give it one
  const std::string& name = call.objects[1].host;
  if (name.ends_with('/') || existing.host.ends_with('/')) return Entry::proceed;  // an error
  const bool is_inside = existing.outside <= path.size();
  const auto done =
      store_.link(path, name, is_inside ? path.substr(0, existing.outside) : std::string());
  return answer(call, done ? 0 : -done.error().code());
}

Entry LinkCalls::rename(Call& call) {
  const std::string& from = call.objects[0].host;
  const std::string& to = call.objects[1].host;
  const std::uint64_t flags = rename_flags(call);
  const auto moved = StoredFile::find(from);
  auto replaced = StoredFile::find(to);
  const bool exchanges = (flags & RENAME_EXCHANGE) != 0;
  // Two names of one file: nothing to do (fs/namei.c, vfs_rename).
  if (moved && moved == replaced && (flags & RENAME_NOREPLACE) == 0) return answer(call, 0);
  UnderWay state;
  if (replaced && !exchanges) state.released = *std::move(replaced);
  if (depth_of(from) != depth_of(to) || moved) state.second = to;
  if (exchanges) state.first = from;
  if (!state.released && state.first.empty() && state.second.empty()) return Entry::proceed;
  call.wants_exit = true;
  under_way_[call.thread] = std::move(state);
  return Entry::proceed;
}

void LinkCalls::mend(const std::string& place) {
  const auto status = lstat_of(place);
  if (!status) return;
  if (S_ISDIR(status->st_mode)) return store_.mend_below(place);
  if (S_ISLNK(status->st_mode)) store_.mend(place);
}

void LinkCalls::on_exit(Call& call) {
  const auto node = under_way_.extract(call.thread);
  if (node.empty() || call.result != 0) return;
  const UnderWay& state = node.mapped();
  if (state.released) store_.release(*state.released);
  if (!state.first.empty()) mend(state.first);
  if (!state.second.empty()) mend(state.second);
}

}  // namespace nestp
