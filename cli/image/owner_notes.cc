#include "cli/image/owner_notes.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "extensions/identity/owned_files.h"
#include "fs/fd.h"

namespace nestp {
namespace {

using identity::OwnerRecord;
using Kind = ArchiveEntry::Kind;

mode_t type_of(Kind kind) {
  switch (kind) {
    case Kind::directory:
      return S_IFDIR;
    case Kind::symlink:
      return S_IFLNK;
    case Kind::character:
      return S_IFCHR;
    case Kind::block:
      return S_IFBLK;
    case Kind::fifo:
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

bool is_device(mode_t mode) { return S_ISCHR(mode) || S_ISBLK(mode); }

OwnerRecord record_of(const ArchiveEntry& entry) {
  OwnerRecord record{
      .user = entry.uid, .group = entry.gid, .mode = type_of(entry.kind) | (entry.mode & 07777)};
  if (is_device(record.mode)) record.device = makedev(entry.major_number, entry.minor_number);
  return record;
}

std::string path_in(int parent, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(parent) + "/" + name;
}

}  // namespace

OwnerNotes::OwnerNotes(const std::string& root) {
  const auto status = stat_of(root);
  files_ = std::make_unique<identity::OwnedFiles>(identity::OwnedFiles::Setup{
      .places = {owner_database(root)}, .root_device = status ? status->st_dev : 0});
}

OwnerNotes::~OwnerNotes() = default;

bool OwnerNotes::are_needed(const ArchiveEntry& entry) {
  return entry.uid != 0 || entry.gid != 0 || (entry.mode & (S_ISUID | S_ISGID)) != 0 ||
         is_device(type_of(entry.kind));
}

SysResult<> OwnerNotes::note(int descriptor, const ArchiveEntry& entry) {
  const auto file = files_->look(descriptor);
  return file ? files_->set(*file, record_of(entry)) : SysResult<>(file.error());
}

SysResult<> OwnerNotes::note_link(int parent, const std::string& name, const ArchiveEntry& entry) {
  const auto file = files_->look(path_in(parent, name), false);
  return file ? files_->set(*file, record_of(entry)) : SysResult<>(file.error());
}

void OwnerNotes::show(int parent, const std::string& name, ArchiveEntry& entry) {
  const auto file = files_->look(path_in(parent, name), false);
  if (!file) return;
  entry.uid = file->record.user;
  entry.gid = file->record.group;
  entry.mode = file->record.mode & 07777;
  if (!is_device(file->record.mode)) return;
  entry.kind = S_ISCHR(file->record.mode) ? Kind::character : Kind::block;
  entry.size = 0;
  entry.major_number = major(file->record.device);
  entry.minor_number = minor(file->record.device);
}

std::string owner_database(const std::string& root) { return root + ".nestp-owners"; }

std::unique_ptr<OwnerNotes> owner_notes(const std::string& root) {
  return ::geteuid() == 0 ? nullptr : std::make_unique<OwnerNotes>(root);
}

}  // namespace nestp
