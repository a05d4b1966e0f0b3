#include "cli/image/oci_writer.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/image/download.h"
#include "cli/image/sha256.h"
#include "cli/json_text.h"
#include "cli/text_file.h"
#include "fs/fd.h"
#include "fs/session_directory.h"

namespace nestp {
namespace {

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar";

Error failure(const std::string& path) { return Error{path + ": " + std::strerror(errno)}; }

/// How others name a part: its type, digest and size.
struct Descriptor {
  std::string type;
  std::string sum{};
  std::uint64_t size = 0;

  std::string json(const std::string& more = {}) const {
    return R"({"mediaType":")" + type + R"(","digest":"sha256:)" + sum + R"(","size":)" +
           std::to_string(size) + more + "}";
  }
};

class Layout {
 public:
  explicit Layout(std::string directory) : directory_(std::move(directory)) {}
  ~Layout() {
    if (is_made_) remove_tree(AT_FDCWD, directory_);
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  Result<> make() {
    if (::mkdir(directory_.c_str(), 0755) != 0) return failure(directory_);
    is_made_ = true;
    for (const char* const name : {"/blobs", "/blobs/sha256"}) {
      if (::mkdir((directory_ + name).c_str(), 0755) != 0) return failure(directory_ + name);
    }
    return write_text_file(directory_ + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})",
                           IfThere::refuse);
  }

  Result<Descriptor> add_text(const char* type, const std::string& text) {
    Sha256 sum;
    sum.add(text);
    Descriptor descriptor{.type = type, .sum = sum.finish(), .size = text.size()};
    const auto done = write_text_file(blob(descriptor.sum), text, IfThere::refuse);
    return done ? Result<Descriptor>(std::move(descriptor)) : Result<Descriptor>(done.error());
  }

  Result<Descriptor> add_layer(const std::function<Result<>(ArchiveWriter&)>& pack) {
    const std::string path = directory_ + "/layer.tar";
    auto archive = ArchiveWriter::create(path);
    if (!archive) return archive.error();
    if (const auto done = pack(*archive); !done) return done.error();
    if (const auto done = archive->finish(); !done) return done.error();
    auto sum = sha256_of_file(path);
    if (!sum) return sum.error();
    const auto status = stat_of(path);
    if (!status || ::rename(path.c_str(), blob(*sum).c_str()) != 0) return failure(path);
    return Descriptor{.type = kLayerType,
                      .sum = *std::move(sum),
                      .size = static_cast<std::uint64_t>(status->st_size)};
  }

  /// Last of all: the image is whole.
  Result<> finish(const std::string& index) {
    auto done = write_text_file(directory_ + "/index.json", index, IfThere::refuse);
    if (done) is_made_ = false;
    return done;
  }

 private:
  std::string blob(const std::string& sum) const { return directory_ + "/blobs/sha256/" + sum; }

  std::string directory_;
  bool is_made_ = false;
};

std::string list_json(const std::vector<std::string>& texts) {
  std::string text;
  for (const std::string& one : texts)
    text.append(text.empty() ? "" : ",").append(json_string(one));
  return "[" + text + "]";
}

std::string config_json(const ImageConfig& config, const Descriptor& layer) {
  std::string text = R"({"architecture":)" + json_string(config.architecture) +
                     R"(,"os":"linux","config":{"Env":)" + list_json(config.environment);
  if (!config.entrypoint.empty()) text += R"(,"Entrypoint":)" + list_json(config.entrypoint);
  if (!config.command.empty()) text += R"(,"Cmd":)" + list_json(config.command);
  if (!config.directory.empty()) text += R"(,"WorkingDir":)" + json_string(config.directory);
  if (!config.user.empty()) text += R"(,"User":)" + json_string(config.user);
  return text + R"(},"rootfs":{"type":"layers","diff_ids":["sha256:)" + layer.sum + "\"]}}";
}

}  // namespace

Result<> write_image(const std::string& directory, const std::string& name,
                     const ImageConfig& config,
                     const std::function<Result<>(ArchiveWriter&)>& pack) {
  Layout layout(directory);
  if (auto done = layout.make(); !done) return done;
  const auto layer = layout.add_layer(pack);
  if (!layer) return layer.error();
  const auto settings = layout.add_text(kConfigType, config_json(config, *layer));
  if (!settings) return settings.error();
  const auto manifest =
      layout.add_text(kManifestType, std::string(R"({"schemaVersion":2,"mediaType":")") +
                                         kManifestType + R"(","config":)" + settings->json() +
                                         R"(,"layers":[)" + layer->json() + "]}");
  if (!manifest) return manifest.error();
  const std::string named =
      R"(,"annotations":{"org.opencontainers.image.ref.name":)" + json_string(name) + "}";
  return layout.finish(R"({"schemaVersion":2,"manifests":[)" + manifest->json(named) + "]}");
}

}  // namespace nestp
