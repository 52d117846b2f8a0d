# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_oyez_global_optspecs
    string join \n h/help V/version
end

function __fish_oyez_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_oyez_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_oyez_using_subcommand
    set -l cmd (__fish_oyez_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c oyez -n "__fish_oyez_needs_command" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_needs_command" -s V -l version -d 'Print version'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "up" -d 'Start a zone and two virtual loudspeakers, page them, and report who heard it'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "page" -d 'Place a page into a running zone'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "status" -d 'Show the state of a running zone'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "check" -d 'Say what keeps a device of a running service from being registered'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "zone" -d 'Run a zone from a configuration file'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "service" -d 'Run the portal and the provisioning server from a configuration file, and a zone with them'
complete -c oyez -n "__fish_oyez_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c oyez -n "__fish_oyez_using_subcommand up" -l state -d 'Folder that keeps keys, accounts and recordings from run to run' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand up" -l sip-port -d 'UDP and TCP port of the zone; TLS takes the next one, and 0 free ones' -r
complete -c oyez -n "__fish_oyez_using_subcommand up" -l media-port -d 'First of the 10,000 UDP ports for media' -r
complete -c oyez -n "__fish_oyez_using_subcommand up" -l web-port -d 'Port of the portal; the provisioning server takes the next one, and 0 free ones' -r
complete -c oyez -n "__fish_oyez_using_subcommand up" -l sink -d 'Where the loudspeakers\' sound goes' -r -f -a "file\t'WAV files in the folder `recordings` of the state'
null\t'Nowhere: a page into it is never heard'"
complete -c oyez -n "__fish_oyez_using_subcommand up" -l once -d 'Use free ports on loopback, and a temporary state unless one is named; place one page, and end'
complete -c oyez -n "__fish_oyez_using_subcommand up" -l json -d 'Print the report as JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c oyez -n "__fish_oyez_using_subcommand page" -l pin-file -d 'File with the PIN of the page group in its first line, in place of OYEZ_PIN' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand page" -l pin-after -d 'Key the PIN in so many seconds after the answer, unasked: for a PBX that asks for it by a voice' -r
complete -c oyez -n "__fish_oyez_using_subcommand page" -l state -d 'State folder of a running `oyez up`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand page" -l server -d 'Page through the zone at this address, over TLS' -r
complete -c oyez -n "__fish_oyez_using_subcommand page" -l user -d 'User to page as; its domain, if the server\'s name is not the zone\'s domain' -r
complete -c oyez -n "__fish_oyez_using_subcommand page" -l authorization-id -d 'Authorization id of the user, if it is not the user\'s name' -r
complete -c oyez -n "__fish_oyez_using_subcommand page" -l ca -d 'Certificates of the authorities to trust (PEM), in place of the system\'s' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand page" -l password-file -d 'File with the user\'s password in its first line, in place of OYEZ_PASSWORD' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand page" -l control -d 'Control socket of the zone, which tells who heard the page' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand page" -l json -d 'Print the report as JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand page" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand status" -l state -d 'State folder of a running `oyez up`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand status" -l control -d 'Control socket of a running `oyez zone`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand status" -l json -d 'Print JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand status" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand check" -l state -d 'State folder of a running `oyez service` or `oyez up`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand check" -l json -d 'Print JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand check" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand zone" -l config -d 'The zone\'s configuration file' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand zone" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand service; and not __fish_seen_subcommand_from certificate audit help" -l config -d 'The service\'s configuration file' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand service; and not __fish_seen_subcommand_from certificate audit help" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand service; and not __fish_seen_subcommand_from certificate audit help" -f -a "certificate" -d 'Have a running service sign the request of a device that cannot enrol with a claim code'
complete -c oyez -n "__fish_oyez_using_subcommand service; and not __fish_seen_subcommand_from certificate audit help" -f -a "audit" -d 'Have a running service go through its audit: has anything else changed it?'
complete -c oyez -n "__fish_oyez_using_subcommand service; and not __fish_seen_subcommand_from certificate audit help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from certificate" -l csr -d 'Its signing request (PKCS #10), in PEM or DER' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from certificate" -l out -d 'File to write the certificate to, with the authority\'s after it; without one they are printed' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from certificate" -l state -d 'State folder of the running `oyez service` or `oyez up`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from certificate" -l json -d 'Print JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from certificate" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from audit" -l from -d 'Say as well whether the audit still has what it had at an earlier checkpoint, as the log and this command print one' -r
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from audit" -l state -d 'State folder of the running `oyez service` or `oyez up`' -r -F
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from audit" -l json -d 'Print JSON alone on standard output'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "certificate" -d 'Have a running service sign the request of a device that cannot enrol with a claim code'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "audit" -d 'Have a running service go through its audit: has anything else changed it?'
complete -c oyez -n "__fish_oyez_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "up" -d 'Start a zone and two virtual loudspeakers, page them, and report who heard it'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "page" -d 'Place a page into a running zone'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "status" -d 'Show the state of a running zone'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "check" -d 'Say what keeps a device of a running service from being registered'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "zone" -d 'Run a zone from a configuration file'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "service" -d 'Run the portal and the provisioning server from a configuration file, and a zone with them'
complete -c oyez -n "__fish_oyez_using_subcommand help; and not __fish_seen_subcommand_from up page status check zone service help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c oyez -n "__fish_oyez_using_subcommand help; and __fish_seen_subcommand_from service" -f -a "certificate" -d 'Have a running service sign the request of a device that cannot enrol with a claim code'
complete -c oyez -n "__fish_oyez_using_subcommand help; and __fish_seen_subcommand_from service" -f -a "audit" -d 'Have a running service go through its audit: has anything else changed it?'
