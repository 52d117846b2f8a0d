UPDATE account SET default_country = 'CA', default_time_zone = 'America/Vancouver';
