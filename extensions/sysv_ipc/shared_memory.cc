#include "extensions/sysv_ipc/shared_memory.h"

#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace nestp::sysv_ipc {
namespace {

constexpr std::uint64_t kPage = 4096;            // bytes: SHMLBA of the machines with 64 bits
constexpr std::uint64_t kKeepsPlace = 0x100000;  // MAP_FIXED_NOREPLACE
constexpr std::uint64_t kExecutes = 0100000;     // SHM_EXEC

std::uint64_t rounded_up(std::uint64_t size) { return (size + kPage - 1) / kPage * kPage; }

bool is_error(std::int64_t result) { return result < 0 && result >= -4095; }

Entry answer(Call& call, std::int64_t result) {
  call.result = result;
  return Entry::answered;
}

/// The guest's call becomes this one.
Entry make(Call& call, Sys sys, const std::array<std::uint64_t, 6>& args) {
  call.sys = sys;
  call.args = args;
  call.wants_exit = true;
  return Entry::untranslated;
}

std::uint64_t wide(std::int64_t value) { return static_cast<std::uint64_t>(value); }

}  // namespace

SysResult<SharedMemory::Segment> SharedMemory::make(key_t key, std::size_t size, int flags,
                                                    pid_t process) const {
  if (size == 0) return Errno(EINVAL);
  Segment segment{.permission = make_permission(key, flags, owner_), .size = size};
  segment.file.reset(memfd_create("sysv", MFD_CLOEXEC));
  for (const char* const directory : {"/dev/shm", "/tmp"}) {  // before Linux 3.17
    if (!segment.file) segment.file.reset(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  }
  const auto length = static_cast<off_t>(rounded_up(size));
  if (!segment.file || ftruncate(segment.file.get(), length) != 0) return Errno(ENOMEM);
  segment.status.shm_cpid = process;
  segment.status.shm_ctime = time(nullptr);
  return segment;
}

std::int64_t SharedMemory::get(Call& call) {
  const auto key = static_cast<key_t>(call.args[0]);
  const std::size_t size = call.args[1];
  const int flags = static_cast<int>(call.args[2]);
  return segments_.get(
      key, flags, [&] { return make(key, size, flags, call.process); },
      [size](const Segment& segment) { return size > segment.size ? EINVAL : 0; });
}

std::int64_t SharedMemory::control(Call& call) {
  Segment* const segment = segments_.find(call.args[0]);
  if (segment == nullptr) return -EINVAL;
  switch (command_of(call.args[1])) {
    case IPC_STAT: {
      shmid_ds status = segment->status;
      status.shm_perm = segment->permission;
      status.shm_segsz = segment->size;
      return give(call, call.args[2], status);
    }
    case IPC_SET: {
      const auto wanted = read_object<shmid_ds>(call, call.args[2]);
      if (!wanted) return -EFAULT;
      change_permission(segment->permission, wanted->shm_perm);
      segment->status.shm_ctime = time(nullptr);
      return 0;
    }
    case IPC_RMID:
      segment->permission.mode |= SHM_DEST;
      segment->permission.__key = IPC_PRIVATE;  // nobody finds it any more
      if (segment->status.shm_nattch == 0) segments_.remove(call.args[0]);
      return 0;
    case SHM_LOCK:
    case SHM_UNLOCK:
      return 0;
    default:
      return -EINVAL;
  }
}

Entry SharedMemory::begin_attach(Call& call) {
  const auto flags = call.args[2];
  std::uint64_t address = call.args[1];
  const Segment* const segment = segments_.find(call.args[0]);
  if (segment == nullptr) return answer(call, -EINVAL);
  if (address % kPage != 0) {
    if (!(flags & SHM_RND)) return answer(call, -EINVAL);
    address -= address % kPage;
  }
  if (address == 0 && (flags & SHM_REMAP)) return answer(call, -EINVAL);
  under_way_[call.thread] = {.id = call.args[0], .address = address};
  const std::string path = shared_link(segment->file.get());
  const std::uint64_t access = flags & SHM_RDONLY ? O_RDONLY : O_RDWR;
  const auto here = static_cast<std::uint64_t>(AT_FDCWD);
  return nestp::sysv_ipc::make(call, Sys::openat,
                               {here, call.memory.place(path), access | O_CLOEXEC});
}

Entry SharedMemory::attach(Call& call) {
  const auto found = under_way_.find(call.thread);
  const bool goes_on = found != under_way_.end() && found->second.id == call.args[0] &&
                       found->second.step != UnderWay::Step::open;
  if (!goes_on) return begin_attach(call);
  const UnderWay& state = found->second;
  if (state.step == UnderWay::Step::close) {
    return nestp::sysv_ipc::make(call, Sys::close, {wide(state.descriptor)});
  }
  const Segment* const segment = segments_.find(state.id);
  if (segment == nullptr) return answer(call, -EIDRM);
  const std::uint64_t flags = call.args[2];
  std::uint64_t how = MAP_SHARED;
  if (state.address != 0) how |= flags & SHM_REMAP ? std::uint64_t{MAP_FIXED} : kKeepsPlace;
  std::uint64_t protection = PROT_READ;
  if (!(flags & SHM_RDONLY)) protection |= PROT_WRITE;
  if (flags & kExecutes) protection |= PROT_EXEC;
  return nestp::sysv_ipc::make(
      call, Sys::mmap,
      {state.address, rounded_up(segment->size), protection, how, wide(state.descriptor), 0});
}

void SharedMemory::after_attach(Call& call) {
  const auto found = under_way_.find(call.thread);
  if (found == under_way_.end()) return;
  UnderWay& state = found->second;
  if (state.step == UnderWay::Step::open) {
    if (is_error(call.result)) {
      under_way_.erase(found);
      return;
    }
    state.descriptor = call.result;
    state.step = UnderWay::Step::map;
    call.repeats = true;
    return;
  }
  if (state.step == UnderWay::Step::map) {
    state.mapped = call.result == -EEXIST ? -EINVAL : call.result;
    state.step = UnderWay::Step::close;
    call.repeats = true;
    return;
  }
  call.result = state.mapped;
  Segment* const segment = segments_.find(state.id);
  if (!is_error(state.mapped) && segment != nullptr) {
    ++segment->status.shm_nattch;
    segment->status.shm_lpid = call.process;
    segment->status.shm_atime = time(nullptr);
    attached_[call.process][wide(state.mapped)] = state.id;
  }
  under_way_.erase(found);
}

Entry SharedMemory::detach(Call& call) {
  const auto& places = attached_[call.process];
  const auto place = places.find(call.args[0]);
  Segment* const segment = place == places.end() ? nullptr : segments_.find(place->second);
  if (segment == nullptr) return answer(call, -EINVAL);
  under_way_[call.thread] = {.id = place->second, .address = call.args[0]};
  return nestp::sysv_ipc::make(call, Sys::munmap, {call.args[0], rounded_up(segment->size)});
}

void SharedMemory::after_detach(Call& call) {
  const auto state = under_way_.extract(call.thread);
  if (state.empty() || call.result != 0) return;
  attached_[call.process].erase(state.mapped().address);
  release(state.mapped().id, call.process);
}

void SharedMemory::release(std::uint64_t id, pid_t process) {
  Segment* const segment = segments_.find(id);
  if (segment == nullptr) return;
  --segment->status.shm_nattch;
  segment->status.shm_lpid = process;
  segment->status.shm_dtime = time(nullptr);
  const bool is_removed = (segment->permission.mode & SHM_DEST) != 0;
  if (is_removed && segment->status.shm_nattch == 0) segments_.remove(id);
}

void SharedMemory::on_fork(pid_t parent, pid_t child) {
  const auto found = attached_.find(parent);
  if (found == attached_.end()) return;
  const auto places = found->second;
  for (const auto& [address, id] : places) {
    if (Segment* const segment = segments_.find(id)) ++segment->status.shm_nattch;
  }
  attached_[child] = places;
}

void SharedMemory::on_unmapped(pid_t process) {
  const auto places = attached_.extract(process);
  if (places.empty()) return;
  for (const auto& [address, id] : places.mapped())
    release(id, process);
}

}  // namespace nestp::sysv_ipc
