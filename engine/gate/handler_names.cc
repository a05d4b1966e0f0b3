// What a path's components mean beyond their directory entries.
#include "engine/gate/handler.h"

namespace nestp::gate {
namespace {

/// fstat(2) of the directory that a relative path starts at.
bool see_start(Work& work, char* status) {
  const uint64_t base =
      starts_at_descriptor(work) ? work.args[work.call.dirfd] : static_cast<uint64_t>(kAtFdCwd);
  const uint64_t args[6] = {base, reinterpret_cast<uint64_t>(""),
                            reinterpret_cast<uint64_t>(status), kEmptyPath};
  return issue_look(work, kCallStatAt, args) == 0;
}

const MemoEntry* find_name(const char* name, uint32_t size) {
  return find(EntryKind::name, process().context, 0, name, size);
}

}  // namespace

bool is_plain_name(const char* name, uint32_t size) {
  if (size == 0 || size > kLongestName) return false;
  return !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

bool names_prefix(const char* name, uint32_t size) {
  return size == 0 || (size == 1 && name[0] == '.');
}

bool names_parent(const char* name, uint32_t size) {
  return size == 2 && name[0] == '.' && name[1] == '.';
}

bool is_special_name(const char* name, uint32_t size) { return find_name(name, size) != nullptr; }

bool may_be_on_way(const char* status) {
  DirectoryKey directory;
  __builtin_memcpy(&directory, status, sizeof directory);  // where struct stat begins
  const Ways& ways = memo().ways;
  const uint64_t version = __atomic_load_n(&ways.version, __ATOMIC_ACQUIRE);
  if (version % 2 != 0 || ways.context != process().context) return true;
  if (ways.generation != __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE)) return true;
  for (uint64_t i = 0; i < ways.count; ++i) {
    const DirectoryKey& way = ways.list[i];
    if (way.inode == directory.inode && way.device == directory.device) return true;
  }
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return __atomic_load_n(&ways.version, __ATOMIC_RELAXED) != version;
}

bool is_special_at_start(Work& work, const char* name, uint32_t size) {
  uint32_t where = kNameOfProc | kNameOfMount;
  if (!names_parent(name, size)) {
    const MemoEntry* entry = find_name(name, size);
    if (entry == nullptr) return false;
    where = entry->flags;
  }
  alignas(8) char status[kStatusSize];
  if (!see_start(work, status)) return true;
  uint64_t device;
  __builtin_memcpy(&device, status, sizeof device);  // where struct stat begins
  if (device == memo().proc_device) return true;
  return (where & kNameOfMount) != 0 && may_be_on_way(status);
}

}  // namespace nestp::gate
