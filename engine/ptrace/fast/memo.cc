#include "engine/ptrace/fast/memo.h"

#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/path_cache.h"

namespace nestp {
namespace {

using gate::MemoEntry;
using gate::MemoHeader;

constexpr std::size_t kAlignment = 8;

int clock_signal() { return SIGRTMIN + 1; }

std::size_t size_of(const MemoEntry& entry) {
  const std::size_t size = sizeof entry + entry.key_size + entry.host_size + 1U;
  return (size + kAlignment - 1) & ~(kAlignment - 1);
}

std::string_view key_of(const MemoEntry& entry) {
  return {reinterpret_cast<const char*>(&entry + 1), entry.key_size};
}
std::string_view host_of(const MemoEntry& entry) {
  return {reinterpret_cast<const char*>(&entry + 1) + entry.key_size, entry.host_size};
}

template <typename T>
void store(T& place, T value) {
  __atomic_store_n(&place, value, __ATOMIC_RELEASE);
}

}  // namespace

std::unique_ptr<Memo> Memo::make(bool expires) {
  if (!may_write_files_of(gate::kMemoSize)) return nullptr;
  UniqueFd file(memfd_create("nestp-memo", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), gate::kMemoSize) != 0) return nullptr;
  void* memory = mmap(nullptr, gate::kMemoSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<Memo>(new Memo(std::move(file), memory, expires));
}

Memo* Memo::instance_ = nullptr;

Memo::Memo(UniqueFd file, void* memory, bool expires)
    : file_(std::move(file)),
      // A new file holds zeros: each page of it that is written takes a fault.
      header_(static_cast<MemoHeader*>(memory)),
      used_((sizeof(MemoHeader) + kAlignment - 1) & ~(kAlignment - 1)),
      expires_(expires),
      clock_(clock_signal(), on_time) {
  header_->generation = 1;
  if (expires) instance_ = this;
}

Memo::~Memo() {
  if (instance_ == this) instance_ = nullptr;
  munmap(header_, gate::kMemoSize);
}

std::string Memo::path() const { return shared_link(file_.get()); }

MemoEntry* Memo::find(const Key& key, std::uint64_t hash, std::string_view host,
                      std::uint32_t flags) {
  std::uint32_t offset = header_->buckets[hash % gate::kBuckets];
  for (int steps = 0; offset != 0 && steps < gate::kLongestChain; ++steps) {
    auto* entry = reinterpret_cast<MemoEntry*>(reinterpret_cast<char*>(header_) + offset);
    if (entry->hash == hash && entry->kind == key.kind && entry->context == key.context &&
        entry->base == key.base && entry->flags == flags && key_of(*entry) == key.text &&
        host_of(*entry) == host) {
      return entry;
    }
    offset = entry->next;
  }
  return nullptr;
}

/// A longer chain would hide those at its end.
bool Memo::is_full(std::uint32_t bucket) const {
  int length = 0;
  for (std::uint32_t at = bucket; at != 0; ++length)
    at = reinterpret_cast<const MemoEntry*>(reinterpret_cast<const char*>(header_) + at)->next;
  return length >= gate::kLongestChain;
}

bool Memo::publish(const Key& key, std::string_view host, std::uint32_t flags, bool always) {
  constexpr std::size_t kMost = 4096;  // bytes, of a path with its NUL
  if (key.text.size() >= kMost || host.size() >= kMost) return false;
  const std::uint64_t generation =
      always ? gate::kAlways : __atomic_load_n(&header_->generation, __ATOMIC_ACQUIRE);
  const std::uint64_t hash = gate::hash_of_key(key.kind, key.context, key.base, key.text.data(),
                                               static_cast<std::uint32_t>(key.text.size()));
  if (MemoEntry* known = find(key, hash, host, flags)) {
    if (known->generation != gate::kAlways) store(known->generation, generation);
    note_published();
    return true;
  }
  std::uint32_t& bucket = header_->buckets[hash % gate::kBuckets];
  const MemoEntry entry{.hash = hash,
                        .generation = generation,
                        .context = key.context,
                        .base = key.base,
                        .kind = key.kind,
                        .flags = flags,
                        .next = bucket,
                        .key_size = static_cast<std::uint16_t>(key.text.size()),
                        .host_size = static_cast<std::uint16_t>(host.size())};
  // The handler looks no further than this from the end (find() in gate/handler_paths.cc).
  constexpr std::size_t kSlack = 2 * sizeof(MemoEntry) + 2 * kMost;
  if (used_ + size_of(entry) + kSlack > gate::kMemoSize || is_full(bucket)) return false;
  char* at = reinterpret_cast<char*>(header_) + used_;
  std::memcpy(at, &entry, sizeof entry);
  // Not by memcpy, to which the null of an empty text must not be given.
  key.text.copy(at + sizeof entry, key.text.size());
  host.copy(at + sizeof entry + key.text.size(), host.size());
  at[sizeof entry + key.text.size() + host.size()] = '\0';
  store(bucket, static_cast<std::uint32_t>(used_));
  used_ += size_of(entry);
  note_published();
  return true;
}

std::uint64_t Memo::end_all() {
  return __atomic_add_fetch(&header_->generation, 1, __ATOMIC_ACQ_REL);
}

void Memo::note_published() {
  if (!expires_ || has_new_ != 0) return;
  has_new_ = 1;
  if (clock_.set(PathCache::kStaleness)) return;
  // No more timers for this user: what nothing ends in time is not remembered at all.
  has_new_ = 0;
  (void)end_all();
  used_ = gate::kMemoSize;
}

void Memo::on_time(int) {
  if (instance_ == nullptr) return;
  instance_->has_new_ = 0;
  (void)instance_->end_all();
}

}  // namespace nestp
