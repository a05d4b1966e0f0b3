#include "extensions/link_faces.h"

#include <dirent.h>
#include <sys/stat.h>
#include <utility>

#include "extensions/listing.h"
#include "extensions/path_calls.h"
#include "extensions/stat_answer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

bool contains(const SysSet& set, Sys sys) { return set.test(static_cast<std::size_t>(sys)); }

/// The stored file that a descriptor is open on.
std::optional<StoredFile> behind_descriptor(const std::string& link) {
  const auto text = read_link(link);
  return text ? StoredFile::parse(*text) : std::nullopt;
}

void show_entry(ListedEntry& entry, const std::string& directory) {
  if (entry.name.starts_with(StoredFile::kStoreName)) {
    entry.is_kept = false;
    return;
  }
  if (entry.type != DT_LNK) return;
  const auto file = StoredFile::find(directory + "/" + std::string(entry.name));
  const auto status = file ? lstat_of(file->data()) : SysResult<struct stat>(Errno(0));
  if (!file || !status) return;
  entry.type = static_cast<std::uint8_t>(IFTODT(status->st_mode));
  entry.inode = status->st_ino;
}

}  // namespace

SysSet LinkFaces::entries() const { return stat_by_descriptor_calls(); }

SysSet LinkFaces::exits() const { return listing_calls(); }

SysSet LinkFaces::objects() const {
  SysSet set = path_calls();
  // They mean the name, not the file.
  for (const Sys sys : {Sys::link, Sys::linkat})
    set.reset(static_cast<std::size_t>(sys));
  return set;
}

void LinkFaces::look_at(Call& call, std::optional<StoredFile> file) {
  looked_at_.erase(call.thread);
  if (!file) return;
  looked_at_[call.thread] = *std::move(file);
  call.wants_exit = true;
}

Entry LinkFaces::on_entry(Call& call) {
  look_at(call, behind_descriptor(descriptor_path(call)));
  return Entry::proceed;
}

Entry LinkFaces::on_objects(Call& call) {
  for (CallObject& object : call.objects) {
    if (object.is_entry) continue;
    // One that is followed has been, but for names that were other files a moment ago.
    std::optional<StoredFile> file = StoredFile::find(object.host);
    if (!file) file = StoredFile::parse(object.host);
    if (file) object.host = file->data();
    if (!contains(stat_by_path_calls(), call.sys)) continue;
    const bool is_descriptor = object.follow && object.host.starts_with("/proc/");
    look_at(call, is_descriptor ? behind_descriptor(object.host) : std::move(file));
  }
  return Entry::proceed;
}

void LinkFaces::on_exit(Call& call) {
  if (contains(listing_calls(), call.sys)) {
    const std::string directory = descriptor_path(call);
    return change_listing(call, [&directory](ListedEntry& entry) { show_entry(entry, directory); });
  }
  const auto looked_at = looked_at_.extract(call.thread);
  auto answer = StatAnswer::of(call);
  if (looked_at.empty() || !answer || answer->links() == 0) return;
  // The kernel has counted the one in the store, and hard links that it made itself.
  const auto count = looked_at.mapped().count();
  if (count) answer->set_links(*count + answer->links() - 1);
}

}  // namespace nestp
