# FiberClaw for Nix: `nix develop`, `nix run`, and a NixOS module with a hardened unit.
{
  description = "A self-hosted, multi-tenant service that runs AI agents as supervised fibers";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ];
      forAllSystems = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = forAllSystems (pkgs: {
        default = pkgs.buildNpmPackage {
          pname = "fiberclaw";
          version = (builtins.fromJSON (builtins.readFile ./package.json)).version;
          src = self;
          nodejs = pkgs.nodejs_24;
          # Follows package-lock.json: `nix run nixpkgs#prefetch-npm-deps package-lock.json` prints it. Left as the
          # fake hash, the first build fails and names the right one.
          npmDepsHash = pkgs.lib.fakeHash;
          # nixpkgs' Node.js runs it, and the development dependencies stay out.
          npmFlags = [ "--omit=dev" "--omit=optional" ];
          dontNpmBuild = true;
          nativeBuildInputs = [ pkgs.makeWrapper ];
          # Not below lib/node_modules, where buildNpmPackage would put it: Node.js strips no types in there.
          installPhase = ''
            runHook preInstall
            mkdir -p $out/share/fiberclaw $out/bin
            cp -r package.json LICENSE config scripts src node_modules $out/share/fiberclaw/
            makeWrapper ${pkgs.nodejs_24}/bin/node $out/bin/fiberclaw \
              --add-flags "--max-semi-space-size=16 $out/share/fiberclaw/scripts/fiberclaw.js"
            runHook postInstall
          '';
          meta = {
            description = "A self-hosted, multi-tenant service that runs AI agents as supervised fibers";
            license = pkgs.lib.licenses.mit;
            mainProgram = "fiberclaw";
          };
        };
      });

      apps = forAllSystems (pkgs: {
        default = {
          type = "app";
          program = "${self.packages.${pkgs.stdenv.hostPlatform.system}.default}/bin/fiberclaw";
        };
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell { packages = [ pkgs.nodejs_24 pkgs.git ]; };
      });

      nixosModules.default = { config, lib, pkgs, ... }:
        let
          cfg = config.services.fiberclaw;
        in
        {
          options.services.fiberclaw = {
            enable = lib.mkEnableOption "FiberClaw, a service that runs AI agents";

            package = lib.mkOption {
              type = lib.types.package;
              default = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
              defaultText = lib.literalExpression "fiberclaw.packages.\${system}.default";
              description = "The package to run.";
            };

            configDir = lib.mkOption {
              type = lib.types.path;
              default = "${cfg.package}/share/fiberclaw/config";
              defaultText = lib.literalExpression "the example configuration of the package";
              description = ''
                The folder with fiberclaw.yaml and tenants/. Agents can be changed through the API only where the
                service may write it.
              '';
            };

            host = lib.mkOption {
              type = lib.types.str;
              default = "127.0.0.1";
              description = "The address. Beyond loopback the service wants http.trustedProxy or http.insecure.";
            };

            port = lib.mkOption {
              type = lib.types.port;
              default = 4000;
              description = "The port to listen on.";
            };

            environment = lib.mkOption {
              type = lib.types.attrsOf lib.types.str;
              default = { };
              example = { FIBERCLAW_MODEL = "demo/demo"; };
              description = "Environment variables. No secrets: the Nix store is readable by everyone.";
            };

            environmentFile = lib.mkOption {
              type = lib.types.nullOr lib.types.path;
              default = null;
              example = "/run/secrets/fiberclaw.env";
              description = ''
                A file of NAME=value lines with the keys, for example ANTHROPIC_API_KEY. systemd reads it as root, so
                nobody else has to be able to.
              '';
            };

            packages = lib.mkOption {
              type = lib.types.listOf lib.types.package;
              default = [ pkgs.bash pkgs.coreutils pkgs.findutils pkgs.gnugrep pkgs.gnused ];
              defaultText = lib.literalExpression "a shell and the usual small tools";
              description = "What the commands of agents find on their PATH.";
            };

            drainSeconds = lib.mkOption {
              type = lib.types.ints.positive;
              default = 30;
              description = ''
                The `drain` of fiberclaw.yaml: how long a stop waits for running turns. systemd waits 15 seconds longer.
              '';
            };
          };

          config = lib.mkIf cfg.enable {
            systemd.services.fiberclaw = {
              description = "FiberClaw";
              wantedBy = [ "multi-user.target" ];
              after = [ "network-online.target" ];
              wants = [ "network-online.target" ];
              path = cfg.packages;
              environment = {
                FIBERCLAW_CONFIG = toString cfg.configDir;
                FIBERCLAW_DATA = "%S/fiberclaw";
                FIBERCLAW_HOST = cfg.host;
                FIBERCLAW_PORT = toString cfg.port;
                NODE_COMPILE_CACHE = "%C/fiberclaw";
                HOME = "%S/fiberclaw";
              } // cfg.environment;

              serviceConfig = {
                ExecStart = "${lib.getExe cfg.package} serve";
                Restart = "on-failure";
                RestartSec = 2;
                # SIGTERM drains. It goes to the service alone, which ends its commands itself; what is left after
                # the time-out is killed with the whole group.
                KillSignal = "SIGTERM";
                KillMode = "mixed";
                TimeoutStopSec = cfg.drainSeconds + 15;

                DynamicUser = true;
                StateDirectory = "fiberclaw";
                StateDirectoryMode = "0700";
                CacheDirectory = "fiberclaw";
                WorkingDirectory = "%S/fiberclaw";
                UMask = "0077";

                NoNewPrivileges = true;
                ProtectSystem = "strict";
                ProtectHome = true;
                PrivateTmp = true;
                PrivateDevices = true;
                ProtectClock = true;
                ProtectControlGroups = true;
                ProtectHostname = true;
                ProtectKernelLogs = true;
                ProtectKernelModules = true;
                ProtectKernelTunables = true;
                ProtectProc = "invisible";
                # To be lifted by who lets commands run in a sandbox of their own, such as bubblewrap.
                RestrictNamespaces = true;
                RestrictRealtime = true;
                RestrictSUIDSGID = true;
                RemoveIPC = true;
                LockPersonality = true;
                CapabilityBoundingSet = "";
                RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" "AF_NETLINK" ];
                SystemCallArchitectures = "native";
                # What shells and their commands need too (ulimit, nice, chown): nothing is taken out of it again.
                SystemCallFilter = [ "@system-service" ];
                SystemCallErrorNumber = "EPERM";
                # V8 compiles to machine code at run time, so memory must be allowed to become executable.
                MemoryDenyWriteExecute = false;
              } // lib.optionalAttrs (cfg.environmentFile != null) {
                EnvironmentFile = cfg.environmentFile;
              };
            };
          };
        };
    };
}
